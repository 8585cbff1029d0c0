"""A page to try it on one's own pictures and camera: `python -m fer_tf.demo`."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated

from tyro.conf import arg

from fer_tf import cli
from fer_tf.detecting import Detecting
from fer_tf.errors import FerError
from fer_tf.installed import absent

MEBIBYTE = 2**20
PORTS = range(2**16)
UPLOADS = range(1, 257)


@dataclass(frozen=True)
class Demo:
    """Serve a page that finds the faces of a picture or of the camera, and tells what they show."""

    model: tuple[str, ...] = ()
    """Visitors choose among these networks: .tflite, .onnx or .keras files, run folders or
    servables, or "mit_b0_fusion" and "nano", which ship, each with its own input size. If none is
    given, it is mit_b0_fusion."""
    size: tuple[int, ...] = ()
    """Each network is there at each of these sizes, in pixels of a side. A .tflite file, as each
    that ships is, takes its own size only."""
    host: str = "127.0.0.1"
    """The page is served at this address; any other than 127.0.0.1 lets other machines in."""
    port: int = 0
    """The page is served at this port; 0 is the first free one from 7860 on."""
    open: Annotated[bool, arg(aliases=("-o",))] = False
    """The page is opened in the browser."""
    max_upload_mb: int = 20
    """A picture file of more than so many megabytes (2**20 bytes) is refused."""
    detecting: Detecting = field(default_factory=Detecting)


def main(argv: Sequence[str] | None = None) -> None:
    """The command; it serves until Ctrl-C.

    Raises:
        FerError: a flag, a model or the detector is not as expected, or Gradio is missing.
    """
    args = cli.parse(Demo, argv, "python -m fer_tf.demo")
    check(args)
    cli.end_on_sigterm()  # no picture may be left behind
    serve(args)


def check(args: Demo) -> None:
    """Refuse what can't be meant, before long work.

    Raises:
        FerError: the flag, what was found and what was expected.
    """
    if importlib.util.find_spec("gradio") is None:
        raise FerError(f"demo: {absent('gradio', 'demo')}")
    if any(size < 1 for size in args.size):
        raise FerError(f"--size {' '.join(map(str, args.size))}: expected pixels, from 1")
    if args.port not in PORTS:
        raise FerError(f"--port {args.port}: expected 0 to {PORTS[-1]}")
    if args.max_upload_mb not in UPLOADS:
        raise FerError(
            f"--max-upload-mb {args.max_upload_mb}: expected {UPLOADS[0]} to {UPLOADS[-1]}"
        )


def serve(args: Demo) -> None:
    """Serve the page until the process is interrupted.

    Raises:
        FerError: a model, the detector or the address is not as expected.
    """
    from fer_tf.demo_page.handlers import Handlers
    from fer_tf.demo_page.server import serving
    from fer_tf.demo_page.service import Service
    from fer_tf.listening import is_loopback
    from fer_tf.pictures.decoding import decoding

    if not is_loopback(args.host):
        print(
            f"fer_tf: --host {args.host} lets other machines use this page, without a password "
            "and without encryption",
            file=sys.stderr,
        )
    service = Service(args.model or (None,), sizes=args.size, **asdict(args.detecting))
    limit = args.max_upload_mb * MEBIBYTE
    with (
        decoding() as decode,
        serving(
            Handlers(service, decode),
            host=args.host,
            port=args.port,
            max_upload=limit,
            browser=args.open,
        ) as address,
    ):
        print(f"{address} (Ctrl-C ends it)", flush=True)
        while True:  # not an Event's wait, which Ctrl-C does not end on Windows
            time.sleep(3600)


if __name__ == "__main__":
    cli.run(main)
