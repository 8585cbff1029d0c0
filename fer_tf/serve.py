"""A service for photos over HTTP: `python -m fer_tf.serve`."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from fer_tf import cli
from fer_tf.detecting import Detecting
from fer_tf.errors import FerError
from fer_tf.installed import absent
from fer_tf.listening import is_loopback, listening
from fer_tf.service.settings import Job, Settings
from fer_tf.service.settings import check as check_settings

KEYS = "FER_TF_API_KEY"
"""The variable with the keys, of which a request must have one; commas between them."""
PORTS = range(2**16)
WORKERS = range(1, 65)
PACKAGES = {
    "fastapi": "fastapi",
    "fastapi_offline": "fastapi-offline",
    "prometheus_client": "prometheus-client",
    "python_multipart": "python-multipart",
    "uvicorn": "uvicorn",
}
"""Modules that the service needs, and the packages that bring them."""


@dataclass(frozen=True)
class Serve:
    """Answer photos over HTTP: POST /v1/analyze finds faces and recognises their expressions.

    GET /docs describes all paths. With FER_TF_API_KEY in the environment, requests must have that
    key. SIGTERM and Ctrl-C end the service after it has answered what is under way.
    """

    model: str | None = None
    """This network answers: a .tflite, .onnx or .keras file, a run folder or a servable, or "nano",
    the small one that ships. If not given, it is mit_b0_fusion, which ships, too."""
    host: str = "127.0.0.1"
    """The service listens at this address; any other than 127.0.0.1 lets other machines in."""
    port: int = 8000
    """The service listens at this port; 0 is a free one, which is printed."""
    workers: int = 1
    """So many processes answer. One uses all cores for pictures; more of them help where many
    small requests come, and each takes its own memory."""
    settings: Settings = field(default_factory=Settings)
    detecting: Detecting = field(default_factory=Detecting)


def main(argv: Sequence[str] | None = None) -> None:
    """The command; it serves until SIGTERM or Ctrl-C.

    Raises:
        FerError: a flag is not as expected, the address can't be listened on, or a package is
            missing.
        SystemExit: with code 2, the model or the detector can't be used; it was said why.
    """
    args = cli.parse(Serve, argv, "python -m fer_tf.serve")
    check(args)
    serve(args)


def check(args: Serve) -> None:
    """Refuse what can't be meant, before long work.

    Raises:
        FerError: the flag, what was found and what was expected.
    """
    for module, package in PACKAGES.items():
        if importlib.util.find_spec(module) is None:
            raise FerError(f"serve: {absent(package, 'serve')}")
    check_settings(args.settings)
    if args.port not in PORTS:
        raise FerError(f"--port {args.port}: expected 0 to {PORTS[-1]}")
    if args.workers not in WORKERS:
        raise FerError(f"--workers {args.workers}: expected {WORKERS[0]} to {WORKERS[-1]}")


def given_keys() -> tuple[str, ...]:
    """The keys of the environment, which no process that is started from now on gets with it.

    Raises:
        FerError: the variable is there and holds none, so that a service that should have had one
            would stand open; or one that clients would send in several ways.
    """
    if KEYS not in os.environ:
        return ()
    keys = tuple(key.strip() for key in os.environ.pop(KEYS).split(",") if key.strip())
    if not keys:
        raise FerError(f"{KEYS}: is empty, expected a key, or no such variable")
    if not all(key.isascii() for key in keys):
        raise FerError(
            f"{KEYS}: holds letters that HTTP's headers have no encoding for, expected ASCII"
        )
    return keys


def serve(args: Serve) -> None:
    """Answer until the process is told to end.

    Raises:
        FerError: the address can't be listened on, or the counters have no folder.
        KeyboardInterrupt: Ctrl-C, after all was answered.
    """
    from fer_tf.service.counters import counting_together
    from fer_tf.service.logs import configure
    from fer_tf.service.supervisor import Supervisor

    keys = given_keys()
    configure(access=False)
    if not keys and not is_loopback(args.host):
        print(
            f"fer_tf: --host {args.host} lets other machines use this service, without a key "
            f"({KEYS}) and without encryption",
            file=sys.stderr,
        )
    job = Job(
        args.settings,
        args.model,
        asdict(args.detecting),
        args.workers,
        keys,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with listening(args.host, args.port) as listener, counting_together(args.workers):
        host = f"[{args.host}]" if ":" in args.host else args.host
        address = f"http://{host}:{listener.getsockname()[1]}/"
        Supervisor(job, listener, lambda: print(f"{address} (Ctrl-C ends it)", flush=True)).run()


if __name__ == "__main__":
    cli.run(main)
