"""The page: what is where on it, and which handler answers what."""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib import resources
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from fer_tf.demo_page import answers, handlers
from fer_tf.demo_page.handlers import Handlers, Settings
from fer_tf.pictures.decoding import WORKERS

TITLE = "Facial expression"
HEAD = """# Facial expression
Which expression does a face show? Pictures go to this page's server and nowhere else;
it forgets them when the page is closed."""
HONEST = """The network guesses from one small picture of a face. {measured}It is right less often
on some expressions and on some people, and it does not know what a person feels. In the European
Union, inferring emotions at work and in schools is prohibited (Regulation (EU) 2024/1689, article
5(1)(f)), but for medical and safety reasons."""
EXAMPLES = {
    "astronaut.jpg": "Eileen Collins, astronaut (NASA)",
    "grace_hopper.jpg": "Grace Hopper, rear admiral (US Navy)",
    "drawn.jpg": "Six drawn faces",
}
THUMBNAIL = 160
"""Pixels of the longest side of an example's button."""

NAME = 100
"""Characters of a picture's name that are told."""
SESSION = 40
"""Characters of a page's id; the page itself makes 11."""
QUEUE = 24
"""Answers that may wait; more are refused."""
CAMERAS = 4
"""How many pages may stream at the same time."""
CAMERA_SECONDS = 600
"""Seconds after which the camera must be started again."""
FRAME_SECONDS = 0.1
"""Seconds between two frames of the camera, at least. Of the frames that come while one is answered
only the last is kept."""

PICK = """element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-pick], [data-example]");
  if (button) trigger("click", { pick: button.dataset.pick, example: button.dataset.example });
});"""


def build(handle: Handlers) -> gr.Blocks:
    """The page; `handle` answers what it asks."""
    service = handle.service
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        with gr.Row(elem_id="head"):
            gr.Markdown(HEAD, elem_id="title")
            with gr.Row(elem_id="settings"):
                network = gr.Dropdown(
                    list(service.networks),
                    value=service.networks[0],
                    label="Network",
                    interactive=len(service.networks) > 1,
                    filterable=False,
                )
        with gr.Tab("Picture"), gr.Row(elem_classes="fer-columns"):
            with gr.Column(elem_id="give"):
                upload = gr.Image(
                    type="filepath",
                    sources=["upload", "clipboard"],
                    image_mode=None,
                    show_label=False,
                    buttons=[],
                    placeholder="Drop a picture here\nor click to choose one",
                    elem_id="upload",
                )
                examples = gr.HTML(answers.examples_html(_thumbnails()), js_on_load=PICK)
                why = gr.Checkbox(label="Why? Mark what decided it", elem_id="why")
            with gr.Column(elem_id="get"):
                answer = gr.HTML(handlers.EMPTY, js_on_load=PICK, elem_id="answer")
        with gr.Tab("Camera"), gr.Row(elem_classes="fer-columns"):
            with gr.Column(elem_id="film"):
                camera = gr.Image(
                    sources="webcam",
                    streaming=True,
                    show_label=False,
                    buttons=[],
                    webcam_options=gr.WebcamOptions(
                        mirror=True, constraints={"video": {"width": 640, "height": 480}}
                    ),
                    elem_id="camera",
                )
                boxes = gr.HTML(elem_id="boxes")
            with gr.Column(elem_id="live"):
                bars = gr.HTML(handlers.CAMERA_OFF)
        gr.Markdown(HONEST.format(measured=service.measured), elem_id="honest")

        settings: list[Any] = [network, why]

        def given(
            file: dict | None, network: str, why: bool, request: gr.Request
        ) -> Iterator[tuple[None, str]]:
            if file is None:
                return
            name = (file["orig_name"] or "the picture")[-NAME:]
            for html in handle.upload(_id(request), file["path"], name, Settings(network, why)):
                yield None, html

        def picked(
            network: str, why: bool, request: gr.Request, event: gr.EventData
        ) -> Iterator[str]:
            if event.example in EXAMPLES:
                asked = Settings(network, why)
                yield from handle.example(_id(request), event.example, asked)

        def chosen(request: gr.Request, event: gr.EventData) -> Iterator[str]:
            if event.pick is not None:
                yield from handle.choose(_id(request), int(event.pick))

        def changed(network: str, why: bool, request: gr.Request) -> Iterator[str]:
            yield from handle.again(_id(request), Settings(network, why))

        def seen(frame: dict | None, network: str, request: gr.Request) -> tuple[str, str]:
            if frame is None:
                return "", handlers.CAMERA_OFF
            return handle.frame(_id(request), frame["url"] or "", Settings(network))

        def closed(request: gr.Request) -> None:
            handle.forget(_id(request))

        common: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private"}
        # Without Gradio's preprocessing, which would open any file that Pillow knows, in here.
        upload.upload(
            given,
            [upload, *settings],
            [upload, answer],
            preprocess=False,
            concurrency_limit=WORKERS,
            **common,
        )
        examples.click(picked, settings, answer, **common)
        answer.click(chosen, None, answer, **common)
        for control in settings:
            control.input(changed, settings, answer, **common)
        camera.stream(
            seen,
            [camera, network],
            [boxes, bars],
            preprocess=False,
            stream_every=FRAME_SECONDS,
            time_limit=CAMERA_SECONDS,
            concurrency_limit=CAMERAS,
            show_progress="hidden",
            api_visibility="private",
        )
        page.unload(closed)
    for block in page.blocks.values():
        # Else Gradio downloads what a client names by an address, whatever and however large.
        block.async_move_resource_to_block_cache = _as_it_is
    page.queue(max_size=QUEUE, default_concurrency_limit=1)
    return page


def style() -> str:
    """The page's own CSS."""
    return (resources.files(__package__) / "style.css").read_text("utf-8")


async def _as_it_is(path: str | None) -> str | None:
    return path


def _id(request: gr.Request) -> str:
    return (request.session_hash or "")[:SESSION]


def _thumbnails() -> dict[str, tuple[str, str]]:
    examples = {}
    for name, shows in EXAMPLES.items():
        picture = Image.open(io.BytesIO(handlers.example_file(name))).convert("RGB")
        picture.thumbnail((2 * THUMBNAIL, THUMBNAIL))
        examples[name] = answers.data_uri(np.asarray(picture)), shows
    return examples
