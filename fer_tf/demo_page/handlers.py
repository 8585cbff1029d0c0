"""What the page asks its server, in plain values: pictures in, HTML out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources

import numpy as np

from fer_tf.demo_page import answers, reasons
from fer_tf.demo_page.film import Film
from fer_tf.demo_page.memory import Memory
from fer_tf.demo_page.service import Answer, Service
from fer_tf.errors import FerError
from fer_tf.pictures.images import read_image

PAGES = 16
"""How many open pages have their last picture in memory."""

EMPTY = answers.message_html(
    "No picture yet",
    "Drop one, paste it, or take an example: the answer appears here.",
    empty=True,
)
CAMERA_OFF = answers.message_html(
    "The camera is off", "Start it, and look into it: the answer appears here."
)

WAITING = (
    "Looking for what the answer rests on\N{HORIZONTAL ELLIPSIS} The first time takes some seconds."
)


@dataclass(frozen=True)
class Settings:
    """What the page's controls say.

    Attributes:
        network: one of `Service.networks`.
        why: whether to show what the answer rests on.
    """

    network: str
    why: bool = False


@dataclass(frozen=True)
class Shown:
    """A picture that is on a page.

    Attributes:
        pixels: uint8 RGB [h, w, 3], upright.
        address: the same, reduced, as a data URI.
        answer: for it.
        settings: that it was answered with.
        chosen: index of the face whose bars are shown.
    """

    pixels: np.ndarray
    address: str
    answer: Answer
    settings: Settings
    chosen: int = 0


class Handlers:
    """The answers of a server; each takes the id of the page that asks.

    What fails is told in a card: nothing is raised for a bad picture.

    Args:
        service: finds and recognises.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.memory: Memory[Shown] = Memory(pages=PAGES)
        self.films: Memory[Film] = Memory(pages=PAGES)

    def picture(self, page: str, data: bytes, name: str, settings: Settings) -> Iterator[str]:
        """HTML for a picture file's bytes; `name` is what the sentence of an error calls it."""
        stream = io.BytesIO(data)
        stream.name = name
        try:
            pixels = read_image(stream)
            yield from self._show(page, pixels, answers.data_uri(pixels), settings)
        except FerError as error:
            self.memory.forget(page)
            yield answers.message_html("This picture can't be used", str(error), bad=True)

    def example(self, page: str, name: str, settings: Settings) -> Iterator[str]:
        """HTML for one of the pictures in `fer_tf/demo_files`."""
        yield from self.picture(page, example_file(name), name, settings)

    def frame(self, page: str, pixels: np.ndarray, settings: Settings) -> tuple[str, str]:
        """HTML of the boxes over a camera's frame, uint8 RGB [h, w, 3], and of the bars."""
        film = self.films.get(page) or Film()
        self.films.keep(page, film)
        answer = film.answer(pixels, self.service, settings.network)
        return answers.boxes_html(answer), answers.bars_html(answer)

    def again(self, page: str, settings: Settings) -> Iterator[str]:
        """HTML for the page's picture with other settings."""
        shown = self.memory.get(page)
        if shown is None:
            yield EMPTY
        elif settings.network != shown.settings.network:
            yield from self._show(page, shown.pixels, shown.address, settings)
        else:
            yield from self._render(page, replace(shown, settings=settings))

    def choose(self, page: str, face: int) -> Iterator[str]:
        """HTML with the answer of another face of the page's picture."""
        shown = self.memory.get(page)
        if shown is None:
            yield EMPTY
        elif 0 <= face < len(shown.answer.faces):
            yield from self._render(page, replace(shown, chosen=face))

    def forget(self, page: str) -> None:
        """The page was closed."""
        self.memory.forget(page)
        self.films.forget(page)

    def _show(
        self, page: str, pixels: np.ndarray, address: str, settings: Settings
    ) -> Iterator[str]:
        answer = self.service.answer(pixels, settings.network)
        yield from self._render(page, Shown(pixels, address, answer, settings))

    def _render(self, page: str, shown: Shown) -> Iterator[str]:
        self.memory.keep(page, shown)
        wanted = shown.settings.why and shown.answer.faces
        waiting = answers.Reason((), WAITING)
        yield self._html(shown, waiting if wanted else None)
        if wanted:
            yield self._html(shown, self._why(shown))

    def _why(self, shown: Shown) -> answers.Reason:
        try:
            pictures = self.service.explain(shown.pixels, shown.answer, shown.chosen)
        except FerError as error:
            return answers.Reason((), f"That can't be shown: {error}.")
        return answers.Reason(
            tuple((answers.data_uri(pixels), shows) for shows, pixels in pictures.items()),
            reasons.told(),
        )

    @staticmethod
    def _html(shown: Shown, reason: answers.Reason | None) -> str:
        return answers.picture_html(shown.answer, shown.address, shown.chosen, reason)


def example_file(name: str) -> bytes:
    """The bytes of one of the pictures in `fer_tf/demo_files`."""
    return (resources.files("fer_tf") / "demo_files" / name).read_bytes()
