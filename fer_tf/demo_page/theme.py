"""Gradio's theme in the colours of the reports, with the system's own fonts."""

from __future__ import annotations

from typing import Any

from fer_tf.report.figure_theme import DARK, LIGHT

STAGE = ("#e9ecf1", "#0d1016")
"""Behind pictures and bars, in the light and in the dark."""
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONOSPACE = ("ui-monospace", "Menlo", "Consolas", "monospace")


def make_theme() -> Any:
    """A `gradio.themes.Base` that asks nobody for a font or a style sheet."""
    import gradio as gr
    from gradio.themes.utils.fonts import Font

    theme = gr.themes.Base(
        font=[Font(name) for name in FONTS],
        font_mono=[Font(name) for name in MONOSPACE],
        radius_size=gr.themes.sizes.radius_lg,
    )
    pairs = {
        "body_background_fill": (LIGHT.page, DARK.page),
        "body_text_color": (LIGHT.ink, DARK.ink),
        "body_text_color_subdued": (LIGHT.faint, DARK.faint),
        "background_fill_primary": (LIGHT.paper, DARK.paper),
        "background_fill_secondary": STAGE,
        "block_background_fill": (LIGHT.paper, DARK.paper),
        "block_border_color": (LIGHT.line, DARK.line),
        "block_label_background_fill": (LIGHT.paper, DARK.paper),
        "block_label_text_color": (LIGHT.faint, DARK.faint),
        "block_title_text_color": (LIGHT.faint, DARK.faint),
        "block_info_text_color": (LIGHT.faint, DARK.faint),
        "border_color_primary": (LIGHT.line, DARK.line),
        "border_color_accent": (LIGHT.accent, DARK.accent),
        "color_accent_soft": (STAGE[0], DARK.line),
        "input_background_fill": (LIGHT.paper, DARK.paper),
        "input_border_color": (LIGHT.line, DARK.line),
        "input_border_color_focus": (LIGHT.accent, DARK.accent),
        "checkbox_background_color_selected": (LIGHT.accent, DARK.accent),
        "checkbox_border_color_selected": (LIGHT.accent, DARK.accent),
        "checkbox_label_background_fill": (LIGHT.paper, DARK.paper),
        "checkbox_label_background_fill_selected": (LIGHT.paper, DARK.paper),
        "checkbox_label_background_fill_hover": (LIGHT.paper, DARK.paper),
        "checkbox_label_text_color": (LIGHT.ink, DARK.ink),
        "checkbox_label_text_color_selected": (LIGHT.ink, DARK.ink),
        "button_primary_background_fill": (LIGHT.accent, DARK.accent),
        "button_primary_text_color": ("#ffffff", "#0d1420"),
        "button_secondary_background_fill": (LIGHT.paper, DARK.paper),
        "button_secondary_text_color": (LIGHT.ink, DARK.ink),
        "error_text_color": (LIGHT.bad, DARK.bad),
        "loader_color": (LIGHT.accent, DARK.accent),
    }
    values = {name: light for name, (light, _) in pairs.items()}
    values |= {f"{name}_dark": dark for name, (_, dark) in pairs.items()}
    return theme.set(
        # It has no dark variant of its own.
        color_accent="*border_color_accent",
        block_shadow="none",
        block_border_width="1px",
        layout_gap="16px",
        **values,
    )
