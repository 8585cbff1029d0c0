"""Explanations as pictures: heat over the face, its salient points, and the four panels.

Safavi et al. (IEEE BSN 2023) call the most salient pixels landmarks. Here they are salient points:
facial landmarks are places of the anatomy, such as the corners of the mouth, and these are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from fer_tf.explanations.methods import TITLES, Explanation
from fer_tf.pictures.reducing import reduced
from fer_tf.report.figure_theme import LIGHT, new_figure, rendered
from fer_tf.vision.crops import Crop, sampled
from fer_tf.vision.results import Box
from fer_tf.vision.text_measures import text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 480
"""Pixels of a face in the panels."""

INPUT = 1600
"""Pixels of the longer side to which the picture is reduced before Matplotlib draws it, on 660 at
most: a phone's large photo would take seconds and gigabytes."""

SHARE = 0.08
"""Share of the face that the salient points mark: 1,311 of 128x128 pixels."""

HEAT = 0.8
"""Opacity of the hottest pixels."""

DARK = 0.4
"""Brightness of the face under its salient points."""

BLUE = (64, 140, 255)

NOTE = (
    f"* the {SHARE:.0%} of the pixels with the largest values of the map, which Safavi et al. "
    "(2023) call landmarks; they are not places of the face's anatomy"
)
"""Below the panels, of the salient points."""


def heat_overlay(face: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    """The grey face under its map in the colours of heat, the more opaque the hotter.

    Args:
        face: uint8 [h, w] grey or [h, w, 3] RGB.
        saliency: float [rows, columns] in [0, 1], of any size.

    Returns:
        RGB, uint8 [h, w, 3].
    """
    share = _fitted(saliency, face)
    codes = np.round(share * 255).astype(np.uint8)
    hot = cv2.cvtColor(cv2.applyColorMap(codes, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    opacity = HEAT * np.sqrt(share)[..., None]
    return np.round(_grey(face) * (1 - opacity) + hot * opacity).astype(np.uint8)


def heat_scale(height: int, width: int) -> np.ndarray:
    """The colours of `heat_overlay` over a face of middle grey, from 1 at the top to 0.

    Returns:
        RGB, uint8 [height, width, 3].
    """
    grey = np.full((height, width), 128, np.uint8)
    shares = np.repeat(np.linspace(1, 0, height, dtype=np.float32)[:, None], width, axis=1)
    return heat_overlay(grey, shares)


def salient_points(face: np.ndarray, saliency: np.ndarray, *, share: float = SHARE) -> np.ndarray:
    """The most salient pixels in blue over the darkened face (Safavi et al., IEEE BSN 2023).

    Args:
        face: uint8 [h, w] grey or [h, w, 3] RGB.
        saliency: float [rows, columns] in [0, 1], of any size; where it is 0, nothing is marked.
        share: of the face's pixels, in (0, 1].

    Returns:
        RGB, uint8 [h, w, 3].
    """
    values = _fitted(saliency, face)
    least = np.quantile(values, 1 - share)
    marked = (values >= least) & (values > 0)
    picture = np.round(_grey(face) * DARK).astype(np.uint8)
    picture[marked] = BLUE
    return picture


def face_view(image: np.ndarray, crop: Crop, *, side: int = SIDE) -> np.ndarray:
    """What a crop shows of its picture, in the picture's own sharpness and colours.

    Args:
        image: uint8 RGB [h, w, 3].
        crop: of it.
        side: pixels of the result.

    Returns:
        RGB, uint8 [side, side, 3].
    """
    height, width = crop.pixels.shape[:2]
    scale = np.array([[side / width], [side / height]])
    return sampled(image, scale * crop.matrix, (side, side))


def four_panels(image: np.ndarray, box: Box, crop: Crop, explanation: Explanation) -> np.ndarray:
    """Input, detected face, saliency map and salient points side by side, with the answer above.

    Args:
        image: the upright picture, uint8 RGB [h, w, 3].
        box: the face in it.
        crop: of it, which was explained.
        explanation: of that crop.

    Returns:
        RGB, uint8 [h, w, 3], about 1,700 pixels wide.
    """
    return rendered(panels_figure(image, box, crop, explanation))


def panels_figure(image: np.ndarray, box: Box, crop: Crop, explanation: Explanation) -> Figure:
    """The figure of `four_panels`."""
    face = face_view(image, crop)
    aspect = float(np.clip(image.shape[1] / image.shape[0], 0.6, 1.6))
    inches = 2.75 * (3 + aspect) + 0.8
    figure = new_figure(LIGHT, inches, 3.7)
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08, wspace=0.01)
    axes = figure.subplots(1, 4, width_ratios=[aspect, 1, 1, 1])
    pictures = {
        "input": image,
        "detected face": face,
        "saliency map": heat_overlay(face, explanation.map),
        "salient points*": salient_points(face, explanation.map),
    }
    for panel, (name, picture) in zip(axes, pictures.items(), strict=True):
        height, width = picture.shape[:2]
        place = (-0.5, width - 0.5, height - 0.5, -0.5)
        panel.imshow(reduced(picture, INPUT), extent=place, interpolation="antialiased")
        panel.set_xlabel(name, color=LIGHT.faint, fontsize=11, labelpad=7)
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    _draw_box(axes[0], box)
    _draw_scale(axes[2])
    told, method = answer(explanation), f"explained by {TITLES[explanation.method]}"
    # Matplotlib's font is wider than the measured one, by a seventh, and a third where it is bold.
    room = 72 * 0.95 * inches - 1.15 * text_width(method, 11)
    size = min(17, 100 * room / (1.33 * text_width(told, 100)))
    figure.suptitle(told, x=0.012, ha="left", color=LIGHT.ink, fontsize=size, weight="bold")
    figure.text(
        0.988,
        0.985,
        method,
        ha="right",
        va="top",
        color=LIGHT.faint,
        fontsize=11,
    )
    figure.supxlabel(NOTE, x=0.988, ha="right", color=LIGHT.faint, fontsize=8)
    return figure


def answer(explanation: Explanation) -> str:
    """What is explained and how much of it there is, and the most probable class where another."""
    shares, labels = explanation.probabilities, explanation.task.labels
    best = int(np.argmax(shares))
    if explanation.target == best:
        return f"{labels[best]} {shares[best]:.0%}"
    if explanation.target < len(labels):
        told = f"{labels[explanation.target]} {shares[explanation.target]:.0%}"
    else:
        value = explanation.target - len(labels)
        told = f"{explanation.task.values[value]} {explanation.values[value]:+.2f}"
    return f"{told}  (most probable: {labels[best]} {shares[best]:.0%})"


def _draw_scale(axes: Any) -> None:
    """The colours of the map beside it, with the values that they stand for."""
    bar = axes.inset_axes((1.02, 0.0, 0.04, 1.0))
    bar.imshow(heat_scale(SIDE, 12), extent=(0, 1, 0, 1), aspect="auto")
    bar.yaxis.tick_right()
    bar.set(xticks=[], yticks=[0, 0.5, 1], yticklabels=["0", "0.5", "1"])
    bar.tick_params(colors=LIGHT.faint, labelsize=9, length=0, pad=3)
    bar.spines[:].set_visible(False)


def _draw_box(axes: Any, box: Box) -> None:
    from matplotlib.patches import FancyBboxPatch

    for colour, width in ((LIGHT.paper, 4.0), (LIGHT.accent, 2.0)):
        axes.add_patch(
            FancyBboxPatch(
                (box.left, box.top),
                box.width,
                box.height,
                boxstyle=f"round,pad=0,rounding_size={0.06 * box.width}",
                fill=False,
                edgecolor=colour,
                linewidth=width,
                clip_on=True,
            )
        )


def _fitted(saliency: np.ndarray, face: np.ndarray) -> np.ndarray:
    """float32 [h, w] in [0, 1]: the map, enlarged to the face."""
    height, width = face.shape[:2]
    size = (width, height)
    resized = cv2.resize(saliency.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return np.clip(resized, 0, 1)


def _grey(face: np.ndarray) -> np.ndarray:
    """uint8 [h, w, 3], without colour."""
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) if face.ndim == 3 else face
    return np.repeat(grey[..., None], 3, axis=-1)
