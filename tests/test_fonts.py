"""Names are written in a font that has their letters, in photos and in figures."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from fer_tf import fonts
from fer_tf.report.figure_theme import LIGHT, new_figure, png
from fer_tf.vision.text_measures import text_mask

JOY = "喜"


def square(side: int):
    pen = TTGlyphPen(None)
    for corner, draw in (((0, 0), pen.moveTo), ((0, side), pen.lineTo), ((side, side), pen.lineTo)):
        draw(corner)
    pen.closePath()
    return pen.glyph()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A font with one Chinese letter, the only one beside Matplotlib's and Pillow's."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "joy"])
    builder.setupCharacterMap({ord(JOY): "joy"})
    builder.setupGlyf({".notdef": square(100), "joy": square(700)})
    builder.setupHorizontalMetrics({".notdef": (200, 0), "joy": (800, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Only Joy", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    file = str(tmp_path / "joy.ttf")
    builder.save(file)
    monkeypatch.setattr(fonts, "FILES", ("no-such-font.ttf", file))
    fonts.font_file.cache_clear()
    yield file
    fonts.font_file.cache_clear()


def test_a_font_is_found_for_the_letters(installed):
    assert fonts.font_file("Happy 90%") is None
    for name in ("Überrascht", "радость", "Χαρά", "mutluluğu"):
        assert fonts.font_file(name).endswith("DejaVuSans.ttf"), name
    assert fonts.font_file(JOY) == installed


def test_of_fonts_that_lack_a_letter_the_best_is_taken(installed):
    assert fonts.font_file("ÄÖÜ" + JOY).endswith("DejaVuSans.ttf")
    assert fonts.font_file("\U0001ffff" * 2) is None


def test_without_matplotlib_what_the_system_has_is_taken(installed, monkeypatch):
    monkeypatch.setattr(fonts.importlib.util, "find_spec", lambda name: None)
    assert fonts.font_file(JOY) == installed
    assert fonts.font_file("Ü") is None


def test_lines_beside_each_other_are_in_one_font():
    alone, beside = text_mask("Wut", 20)[0], text_mask("Wut", 20, ("Fröhlich",))[0]
    assert alone.shape != beside.shape
    umlaut, without = (text_mask(name, 20, ("ö",))[0] for name in ("ö", "o"))
    assert umlaut.shape[0] > without.shape[0]
    assert np.array_equal(text_mask("Wut", 20, ("Wut",))[0], alone)


def joy_figure() -> bytes:
    figure = new_figure(LIGHT, 2, 2)
    figure.subplots().set_yticks([0, 1], ["Happy", JOY])
    return png(figure)


def test_figures_find_letters_and_draw_a_box_for_those_that_no_font_has(installed, monkeypatch):
    written = joy_figure()
    monkeypatch.setattr(fonts, "FILES", ())
    fonts.font_file.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert joy_figure() != written
