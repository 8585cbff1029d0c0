"""The one exception that bad input raises."""

import os
import re
import unicodedata


class FerError(ValueError):
    """Bad input, told in one sentence: the file, row or flag, what was found and what was expected.

    Commands print the sentence and exit with code 2 (`fer_tf.cli.run`).
    """


def reason(error: BaseException) -> str:
    """What another package's exception says, for a sentence: its first line, 200 characters of it.

    Where it says nothing, the name of its class. Where Keras has put the name of a layer before it,
    what comes after that name.
    """
    told = re.sub(r"\x1b\[\d*m", "", str(error))
    told = re.sub(r"^Exception encountered when calling .*\n+", "", told).strip()
    line = (told or type(error).__name__).splitlines()[0]
    return line if len(line) <= 200 else f"{line[:197]}..."


def shown_path(path: str | os.PathLike[str]) -> str:
    """A path for a sentence: on one line, and without what a terminal would take for a command."""
    name = os.fspath(path)
    return name if is_shown(name) else repr(name)


def is_shown(text: str) -> bool:
    """Whether a terminal shows `text` as it is, on one line."""
    # Among spaces Python calls one printable; macOS writes another into names of screenshots.
    return all(c.isprintable() or unicodedata.category(c) == "Zs" for c in text)


def wrapped(error: BaseException) -> str | None:
    """The sentence of a `FerError` that TensorFlow has made an error of its own of; or None.

    It does so where tf.data calls what reads the faces.
    """
    found = re.search(r"\bFerError: (.+)", str(error))
    return found[1] if found else None
