"""What all commands share: `fer-tf VERB`, flags from a dataclass, and one-sentence errors."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fer_tf.errors import FerError, is_shown, wrapped

VERBS = {
    "predict": "find faces in pictures or a video, and recognise their expressions",
    "score": "score archives of pictures and video into a table, on many machines",
    "explain": "show what an answer rests on, face by face",
    "demo": "open a page to try it: pictures, examples and the camera",
    "serve": "answer photos over HTTP: a service with limits, a key and metrics",
    "train": "train a network, or go on with a run that stopped",
    "evaluate": "measure a trained network and write its report",
    "describe": "show a data set before anyone trains on it",
    "export": "write a trained network for phones, servers and browsers",
    "compare": "train many networks or settings alike, and put them into one table",
    "benchmark": "measure what each form of a network costs, side by side",
    "doctor": "show what is installed and whether it works",
}
"""Each command and what it does: `fer-tf VERB` calls `main(argv)` of the module `fer_tf.VERB`."""

T = TypeVar("T")


def parse(
    args: type[T],
    argv: Sequence[str] | None,
    prog: str,
    default: T | None = None,
    about: str | None = None,
) -> T:
    """Parse `argv` (sys.argv[1:] if None) into the dataclass `args` with tyro.

    --help begins with `about`, or with the docstring of `args`.

    Exits with code 2 when a flag is unknown or ill-typed, and names the flag and its nearest
    neighbours on stderr.
    """
    import tyro
    from docstring_parser import attrdoc

    # A flag's docstring has indented lines, whose breaks tyro 1.0 would keep, and wrap them again.
    attrdoc.ast_get_constant_value = _in_one_line  # type: ignore[assignment]
    keywords: dict[str, Any] = {} if default is None else {"default": default}
    keywords |= {} if about is None else {"description": about}
    return tyro.cli(args, args=argv, prog=prog, config=(tyro.conf.OmitArgPrefixes,), **keywords)


def _in_one_line(node: Any) -> Any:
    return " ".join(node.value.split()) if isinstance(node.value, str) else node.value


def start_keras() -> None:
    """Import Keras and its backend, without the notices that TensorFlow writes as it starts.

    Nobody can act on them (that there is no GPU, which instructions it uses), and they come from
    C++ before TensorFlow obeys TF_CPP_MIN_LOG_LEVEL: so file descriptor 2 leads nowhere during
    the import. Set that variable, to any level, to see them. In a notebook TensorFlow also logs
    from Python, of temporary folders and repeated tracing; errors are left.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ or sys.stderr is None:
        _import_keras()
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        _import_keras()
    finally:
        sys.stderr.flush()
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
    if tensorflow := sys.modules.get("tensorflow"):
        tensorflow.get_logger().setLevel("ERROR")


def _import_keras() -> None:
    """Without looking for garbage, for a tenth of the time or more: what an import makes stays."""
    collects = gc.isenabled()
    gc.disable()
    try:
        importlib.import_module("keras")
    finally:
        if collects:
            gc.enable()


def end_on_sigterm() -> None:
    """From now on a plain `kill` ends the command as Ctrl-C does, and its temporary files go."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def run(main: Callable[[], None]) -> None:
    """Call a command's `main`; a FerError becomes one line on stderr and exit code 2.

    So do a full disk and a package that is not installed, with the command that adds it. Ctrl-C
    exits with code 130 and a closed pipe (`... | head`) with 141, both without a traceback. What
    standard output can't encode, of a file's name say, is written as an escape.
    """
    if sys.stdout is None:  # closed, as by `>&-`
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        main()
        sys.stdout.flush()
    except FerError as error:
        _tell(str(error))
        sys.exit(2)
    except ModuleNotFoundError as error:
        from fer_tf.installed import lacking

        if (sentence := lacking(error.name)) is None:
            raise
        _tell(sentence)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The interpreter flushes stdout once more as it exits, and would complain again.
        sys.stdout = None  # type: ignore[assignment]
        sys.exit(141)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.stdout = None  # type: ignore[assignment]
        place = error.filename or "standard output or a file"
        _tell(f"{place}: can't be written: the disk is full")
        sys.exit(2)
    except Exception as error:
        if (sentence := wrapped(error)) is None:
            raise
        _tell(sentence)
        sys.exit(2)


def _tell(sentence: str) -> None:
    """On one line of stderr, without what a terminal would take for a command."""
    shown = (c if is_shown(c) else c.encode("unicode_escape").decode() for c in sentence)
    print("fer_tf:", "".join(shown), file=sys.stderr)


def main() -> None:
    """`fer-tf VERB ...`: the same as `python -m fer_tf.VERB ...`; and `fer-tf --version`."""
    verb, *rest = sys.argv[1:] or ["--help"]
    if verb in ("-h", "--help"):
        run(_print_help)
    elif verb == "--version":
        run(_print_version)
    elif verb in VERBS:
        run(lambda: importlib.import_module(f"fer_tf.{verb}").main(rest))
    else:
        run(lambda: _refuse(verb))


def _print_help() -> None:
    print("usage: fer-tf VERB [flags]     (fer-tf VERB --help lists the flags)")
    print("       fer-tf --version\n")
    for name, text in VERBS.items():
        print(f"  {name:10} {text}")


def _print_version() -> None:
    from fer_tf import __version__

    print(f"fer_tf {__version__}")


def _refuse(verb: str) -> None:
    import difflib

    near = difflib.get_close_matches(verb, VERBS, n=1)
    guess = f" (did you mean {near[0]!r}?)" if near else ""
    raise FerError(f"unknown verb {verb!r}{guess}: expected one of {', '.join(VERBS)}")
