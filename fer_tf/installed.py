"""Which of the packages that this one needs are installed, and the command that adds the others."""

from __future__ import annotations

import re
from importlib import metadata

WHOLE = ""
"""Stands among the extras for what `pip install fer_tf` brings without any."""

DEVELOPERS = {"test", "docs"}
"""Extras for those who change the package; users need none of them."""

_OTHER_NAMES = {"cv2": "opencv-python-headless", "PIL": "pillow", "sklearn": "scikit-learn"}


def requirements() -> dict[str, list[str]]:
    """The packages that each extra brings, `WHOLE` first; without those of `DEVELOPERS`.

    Empty where fer_tf runs from its source without being installed.
    """
    try:
        lines = metadata.requires("fer_tf") or []
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, list[str]] = {WHOLE: []}
    for line in lines:
        extra = re.search(r"""extra == ["']([\w-]+)["']""", line)
        name = re.match(r"[\w.-]+", line)
        if name and not (extra and extra[1] in DEVELOPERS):
            found.setdefault(extra[1] if extra else WHOLE, []).append(name[0])
    return found


def version(package: str) -> str | None:
    """An installed package's version; None without it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def command(extra: str) -> str:
    """What adds an extra to this package; from its folder, where it was not installed."""
    # pip keeps an installed fer_tf as it is, and adds what that lacks.
    name = "fer_tf" if version("fer_tf") else "."
    # With the quotes that Windows' command line knows, too.
    return f'pip install "{name}[{extra}]"' if extra else f"pip install {name}"


def absent(package: str, extra: str = WHOLE) -> str:
    """The end of a sentence about what needs a package that is not installed."""
    return f"needs {package}, which is not installed: `{command(extra)}` adds it"


def lacking(module: str | None) -> str | None:
    """A sentence about a module that could not be imported.

    None where fer_tf does not ask for it, or where its package is there: that is no question of
    installation.
    """
    top = (module or "").partition(".")[0]
    name = _OTHER_NAMES.get(top, top).replace("_", "-")
    for extra, packages in requirements().items():
        for package in packages:
            if package.replace("_", "-") == name and version(package) is None:
                return f"{package} is needed here and not installed: `{command(extra)}` adds it"
    return None
