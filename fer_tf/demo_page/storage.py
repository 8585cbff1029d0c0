"""A private folder for what Gradio must write, and its deletion."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fer_tf.errors import FerError

SETTINGS = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
"""Environment in which Gradio tells nobody that it runs, and asks nobody for its newest version."""


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder that only this user may open (mode 700), for Gradio's uploads; gone at the end.

    Gradio reads the environment when it is imported: so enter this before. The environment is
    restored at the end.
    """
    folder = Path(tempfile.mkdtemp(prefix="fer_tf-demo-")).resolve()
    settings = {**SETTINGS, "GRADIO_TEMP_DIR": str(folder)}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def take(path: Path, folder: Path) -> bytes:
    """The bytes of an upload, which is deleted from the disk, with the folder of its own.

    Raises:
        FerError: it isn't in `folder`, or it is gone: browsers say where an upload is, and one
            may lie.
    """
    path = path.resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        raise FerError("the picture is not among the uploads, expected it to be given anew")
    try:
        return path.read_bytes()
    finally:
        path.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()
