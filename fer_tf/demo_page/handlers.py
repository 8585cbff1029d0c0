"""What the page asks its server, in plain values: pictures in, HTML out."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial, wraps
from importlib import resources
from pathlib import PurePath

import numpy as np

from fer_tf.demo_page import answers, reasons
from fer_tf.demo_page.film import Film
from fer_tf.demo_page.memory import Memory
from fer_tf.demo_page.service import Answer, Service
from fer_tf.errors import FerError
from fer_tf.pictures.data_urls import decode_data_url
from fer_tf.worker_pool import WorkerPool

MEMORY = 2**28
"""Bytes that the last pictures of all pages take together; the largest picture has 201 MB."""
UPLOADS = 2**28
"""Bytes of the uploads together that wait for an answer."""
FILMS = 16
"""How many pages' cameras have their faces followed."""

EMPTY = answers.message_html(
    "No picture yet",
    "Drop one, paste it, or take an example: the answer appears here.",
    empty=True,
)
CAMERA_OFF = answers.message_html(
    "The camera is off", "Start it, and look into it: the answer appears here."
)

DROPPED = answers.message_html(
    "This picture is no longer here",
    "The server dropped it to make room for other pages' pictures: give it again.",
)
UNFORESEEN = "The server met an error that nobody foresaw; its terminal tells more."

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

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return self.pixels.nbytes + len(self.address)


def told(error: Exception) -> str:
    """A card that says what went wrong; of what nobody foresaw the terminal gets the traceback."""
    if not isinstance(error, FerError):
        traceback.print_exception(error)
        return answers.message_html("Something went wrong", UNFORESEEN, bad=True)
    return answers.message_html("This picture can't be used", str(error), bad=True)


def _upload_size(data: bytes) -> int:
    return max(len(data), 4096)  # many small ones have a price too


def _in_words(handler: Callable[..., Iterator[str]]) -> Callable[..., Iterator[str]]:
    """Ends with a card in place of an error."""

    @wraps(handler)
    def telling(*arguments: object) -> Iterator[str]:
        try:
            yield from handler(*arguments)
        except Exception as error:
            yield told(error)

    return telling


class Handlers:
    """The answers of a server; each takes the id of the page that asks.

    What fails is told in a card: nothing is raised.

    Args:
        service: finds and recognises.
        decode: `fer_tf.pictures.decoding.decode`, in a process of its own.
    """

    def __init__(self, service: Service, decode: WorkerPool[np.ndarray]) -> None:
        self.service = service
        self.decode = decode
        self.uploads: Memory[bytes] = Memory(budget=UPLOADS, cost=_upload_size)
        self.memory: Memory[Shown] = Memory(budget=MEMORY, cost=lambda shown: shown.size)
        self.films: Memory[Film] = Memory(budget=FILMS, cost=lambda film: 1)

    @_in_words
    def upload(self, page: str, path: str | None, name: str, settings: Settings) -> Iterator[str]:
        """HTML for an upload, which is forgotten.

        Args:
            page: that asks.
            path: whose last part is its key in `uploads`.
            name: what the sentence of an error calls it.
            settings: of the page.
        """
        data = self.uploads.forget(PurePath(path or "").name)
        if data is None:
            raise FerError(f"{name}: not among the uploads, expected it to be given anew")
        yield from self.picture(page, data, name, settings)

    @_in_words
    def picture(self, page: str, data: bytes, name: str, settings: Settings) -> Iterator[str]:
        """HTML for a picture file's bytes; `name` is what the sentence of an error calls it."""
        self.memory.forget(page)
        pixels = self.decode(name, data)
        yield from self._show(page, pixels, answers.data_uri(pixels), settings)

    @_in_words
    def example(self, page: str, name: str, settings: Settings) -> Iterator[str]:
        """HTML for one of the pictures in `fer_tf/demo_files`."""
        yield from self.picture(page, example_file(name), name, settings)

    def frame(self, page: str, url: str, settings: Settings) -> tuple[str, str]:
        """HTML of the boxes over a camera's frame, a data: URL, and of the bars."""
        try:
            data = decode_data_url(url)
            pixels = self.decode("the camera's frame", data, answers.LONGEST_SIDE)
            film = self.films.get(page) or Film()
            self.films.keep(page, film)
            answer = film.answer(pixels, self.service, settings.network)
        except Exception as error:
            return "", told(error)
        return answers.boxes_html(answer), answers.bars_html(answer)

    @_in_words
    def again(self, page: str, settings: Settings) -> Iterator[str]:
        """HTML for the page's picture with other settings."""
        shown = self.memory.get(page)
        if shown is None:
            yield self._nothing(page)
        elif settings.network != shown.settings.network:
            yield from self._show(page, shown.pixels, shown.address, settings)
        else:
            yield from self._render(page, replace(shown, settings=settings))

    @_in_words
    def choose(self, page: str, face: int) -> Iterator[str]:
        """HTML with the answer of another face of the page's picture."""
        shown = self.memory.get(page)
        if shown is None:
            yield self._nothing(page)
        elif 0 <= face < len(shown.answer.faces):
            yield from self._render(page, replace(shown, chosen=face))

    def forget(self, page: str) -> None:
        """The page was closed."""
        self.memory.forget(page)
        self.films.forget(page)

    def _nothing(self, page: str) -> str:
        return DROPPED if self.memory.dropped(page) else EMPTY

    def _show(
        self, page: str, pixels: np.ndarray, address: str, settings: Settings
    ) -> Iterator[str]:
        answer = self.service.answer(pixels, settings.network)
        yield from self._render(page, Shown(pixels, address, answer, settings))

    def _render(self, page: str, shown: Shown) -> Iterator[str]:
        self.memory.keep(page, shown)
        show = partial(answers.picture_html, shown.answer, shown.address, shown.chosen)
        if not (shown.settings.why and shown.answer.faces):
            yield show(None)
            return
        yield show(answers.Reason((), WAITING))
        yield show(self._why(shown))

    def _why(self, shown: Shown) -> answers.Reason:
        try:
            pictures = self.service.explain(shown.pixels, shown.answer, shown.chosen)
        except FerError as error:
            return answers.Reason((), f"That can't be shown: {error}.")
        return answers.Reason(
            tuple((answers.data_uri(pixels), shows) for shows, pixels in pictures.items()),
            reasons.TOLD,
        )


def example_file(name: str) -> bytes:
    """The bytes of one of the pictures in `fer_tf/demo_files`."""
    return (resources.files("fer_tf") / "demo_files" / name).read_bytes()
