"""A static page that runs the network in a browser and sends nothing anywhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib import resources
from pathlib import Path

from fer_tf.detecting import MIN_FACE
from fer_tf.files import write_beside
from fer_tf.tasks import Task

RUNTIME = "@litertjs/core"
RUNTIME_VERSION = "2.5.3"
"""LiteRT.js, on the CPU. One core answered in a half (float32) to a quarter (int8) of the time
that ONNX Runtime Web 1.30.0 took, and it is 9 MB of WebAssembly instead of 14."""

WASM = "./node_modules/@litertjs/core/wasm/"

PARTS = ("page.css", "page.js", "networks.js", "crops.js")
"""What index.html loads from beside it."""


def write_page(directory: Path, *, model: Path, size: tuple[int, int], task: Task) -> None:
    """Write `directory`/web: the page, the model, the face detector and a package.json that names
    the runtime.

    `npm install` there fetches LiteRT.js once, which is too large for a Python package; then any
    static file server will do. Files of these names are replaced, each appears complete
    or not at all, and node_modules stays.

    Args:
        directory: folder of the export; made where it is missing.
        model: TFLite file from uint8 pixels [1, height, width, 3] to float32 probabilities
            [1, classes] and values, as `fer_tf.exporting.tflite` writes it in any precision; it is
            copied.
        size: (height, width) that the model takes.
        task: what it answers, and whether it sees colours.

    Raises:
        FerError: YuNet's file is missing or altered.
        OSError: a file can't be written.
    """
    from fer_tf.exporting.face_detector_tflite import write_face_detector

    folder = directory / "web"
    package = {
        "private": True,
        "description": "The runtime of index.html: npm install && python -m http.server",
        "dependencies": {RUNTIME: RUNTIME_VERSION},
    }
    files: dict[str, bytes | str] = {
        model.name: model.read_bytes(),
        "index.html": index_page(model=model.name, size=size, task=task),
        **{name: _text(name) for name in PARTS},
        "package.json": json.dumps(package, indent=2) + "\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_beside(folder / name, content)
    write_face_detector(folder)


def index_page(*, model: str, size: tuple[int, int], task: Task) -> str:
    """The page for one model file, as HTML.

    Args:
        model: name of the file beside the page.
        size: (height, width) that the model takes.
        task: as of `write_page`.
    """
    from jinja2 import Environment

    from fer_tf.exporting.face_detector_tflite import SIDES, path_in_export
    from fer_tf.vision.detectors.yunet import YunetDetector

    text = _text("index.html")
    settings = {
        "wasm": WASM,
        "model": f"./{model}",
        "name": model,
        "size": list(size),
        "labels": list(task.labels),
        "values": list(task.values),
        "face": max(task.face[:2]),
        "colour": task.face[2] == 3,
        "detectors": {side: f"./{path_in_export(side)}" for side in SIDES},
        "margin": YunetDetector.margin,
        "smallest": MIN_FACE,
    }
    template = Environment(autoescape=True).from_string(text)
    return template.render(policy=policy(text), settings=settings)


def _text(name: str) -> str:
    return resources.files("fer_tf.exporting").joinpath(f"web_files/{name}").read_text("utf-8")


def policy(page: str) -> str:
    """The Content-Security-Policy of a page: what lies beside it, nothing else.

    In the page itself only the map of the modules counts, known by its hash; every request that
    scripts could make ends at the page's own origin.
    """
    (text,) = re.findall(r'<script type="importmap">(.*?)</script>', page, re.DOTALL)
    modules = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'wasm-unsafe-eval' 'sha256-{modules}'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self' blob: data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
