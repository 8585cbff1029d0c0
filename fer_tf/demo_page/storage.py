"""A private folder for what Gradio must write, and its deletion."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
