"""What all commands share: `fer-tf VERB`, flags from a dataclass, and one-sentence errors."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fer_tf.errors import FerError

VERBS = {
    "train": "train a network, or go on with a run that stopped",
    "evaluate": "measure a trained network and write its report",
    "describe": "show a data set before anyone trains on it",
}

T = TypeVar("T")


def parse(args: type[T], argv: Sequence[str] | None, prog: str, default: T | None = None) -> T:
    """Parse `argv` (sys.argv[1:] if None) into the dataclass `args` with tyro.

    Exits with code 2 and names the nearest flag when one is unknown or ill-typed.
    """
    import tyro

    keywords: dict[str, Any] = {} if default is None else {"default": default}
    return tyro.cli(args, args=argv, prog=prog, config=(tyro.conf.OmitArgPrefixes,), **keywords)


def run(main: Callable[[], None]) -> None:
    """Call a command's `main`; a FerError becomes one line on stderr and exit code 2."""
    try:
        main()
    except FerError as error:
        print(f"fer_tf: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def main() -> None:
    """`fer-tf VERB ...`: the same as `python -m fer_tf.VERB ...`."""
    verb = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if verb in ("-h", "--help"):
        print("usage: fer-tf VERB [flags]     (fer-tf VERB --help says which)\n")
        print("\n".join(f"  {name:10} {text}" for name, text in VERBS.items()))
    elif verb in VERBS:
        command = importlib.import_module(f"fer_tf.{verb}")
        run(lambda: command.main(sys.argv[2:]))
    else:
        print(f"fer_tf: unknown verb {verb!r}: expected {', '.join(VERBS)}", file=sys.stderr)
        sys.exit(2)
