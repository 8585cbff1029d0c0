"""A private folder for what Gradio must write, and its deletion."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTINGS = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "no_proxy": "*"}
"""Environment in which Gradio tells nobody that it runs, and asks nobody for its newest version;
and asks its own page, as it starts, without a proxy between, such as companies have."""


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder that only this user may open (mode 700), for Gradio's uploads; gone at the end.

    Gradio reads the environment when it is imported: so enter this before. The environment is
    restored at the end.
    """
    with tempfile.TemporaryDirectory(prefix="fer_tf-demo-", ignore_cleanup_errors=True) as made:
        folder = Path(made).resolve()
        settings = {**SETTINGS, "GRADIO_TEMP_DIR": str(folder)}
        before = {name: os.environ.get(name) for name in settings}
        os.environ.update(settings)
        try:
            yield folder
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
