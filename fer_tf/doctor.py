"""What is installed and whether it works: `python -m fer_tf.doctor`."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import fer_tf
from fer_tf import cli
from fer_tf.errors import reason
from fer_tf.installed import WHOLE, command, requirements, version

TRAINING = ("keras", "tensorflow")
"""Without these, what is installed is meant for `predict` alone."""
EXPECTED = "Happy"
"""What the drawn face shows."""


@dataclass(frozen=True)
class Doctor:
    """Show what is installed, and try it on a drawn face.

    The exit code is 0 where what is installed works, and else 1 with a sentence for each trouble.
    """

    devices: bool = False
    """Keras and its backend are started too, and list the devices they compute on. It takes
    seconds."""
    json: bool = False
    """The same is written as JSON, for the report of a bug."""


def main(argv: Sequence[str] | None = None) -> None:
    """The command.

    Raises:
        SystemExit: with code 1, something that is installed does not work.
    """
    args = cli.parse(Doctor, argv, "python -m fer_tf.doctor")
    found = examine(devices=args.devices)
    print(json.dumps(found, indent=2) if args.json else as_text(found))
    for trouble in found["troubles"]:
        print(f"fer_tf: {trouble}", file=sys.stderr)
    if found["troubles"]:
        sys.exit(1)


def examine(*, devices: bool = False) -> dict[str, Any]:
    """What the command tells, as values that JSON holds.

    Args:
        devices: start Keras, and list the devices of its backend.
    """
    from fer_tf.report.machine import header

    needed = requirements()
    packages = {name: version(name) for name in needed.get(WHOLE, ())}
    found: dict[str, Any] = {"fer_tf": fer_tf.__version__, "system": platform.platform()}
    found |= {
        key: text.strip() for key, _, text in (row.partition(":") for row in header().splitlines())
    }
    found["packages"] = packages
    found["extras"] = {
        extra: {"missing": [name for name in names if version(name) is None], "add": command(extra)}
        for extra, names in needed.items()
        if extra != WHOLE
    }
    found["cache"] = _cache()
    troubles = _missing(packages)
    for name, check in {
        "self_test": _self_test,
        **({"devices": _devices} if devices else {}),
    }.items():
        try:
            found[name] = check()
        except Exception as error:
            # Whatever is broken, the rest is still to be told.
            troubles.append(f"{name.replace('_', '-')}: {reason(error)}")
    if (answer := found.get("self_test")) and answer["label"] != EXPECTED:
        troubles.append(f"self-test: a drawn face is {answer['label']}, expected {EXPECTED}")
    return found | {"troubles": troubles}


def as_text(found: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"{key:10} {found[key]}" for key in ("fer_tf", "system", "machine", "date", "commit")]
    lines += ["", "packages" if found["packages"] else "packages   unknown: fer_tf isn't installed"]
    lines += [f"  {name:24} {has or 'not installed'}" for name, has in found["packages"].items()]
    if found["packages"] and not any(found["packages"].get(name) for name in TRAINING):
        lines.append(f"  `predict` works without the others, which `{command(WHOLE)}` adds")
    lines += ["", "extras"] if found["extras"] else []
    for extra, told in found["extras"].items():
        state = f"{', '.join(told['missing'])} not installed: {told['add']}"
        lines.append(f"  {extra:10} {state if told['missing'] else 'present'}")
    lines += ["", f"cache      {found['cache']['folder']}, {found['cache']['bytes'] / 1e6:,.0f} MB"]
    if told := found.get("devices"):
        lines.append(f"devices    {', '.join(told['names'])} ({told['backend']})")
    if told := found.get("self_test"):
        share, seconds = told["certainty"], told["seconds"]
        lines.append(f"self-test  a drawn face is {told['label']}, {share:.0%}, in {seconds:.2f} s")
    return "\n".join(lines)


def _missing(packages: dict[str, str | None]) -> list[str]:
    """What is missing of the whole set, unless none of it that trains was installed."""
    missing = [name for name, has in packages.items() if has is None]
    if not missing or not any(packages.get(name) for name in TRAINING):
        return []
    return [f"not installed: {', '.join(missing)}; `{command(WHOLE)}` adds what is missing"]


def _cache() -> dict[str, Any]:
    from fer_tf.data.cache import cache_dir

    folder, size = cache_dir(), 0
    with contextlib.suppress(OSError):
        size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    with contextlib.suppress(ValueError):  # a report should not tell the user's name
        folder = "~" / folder.relative_to(os.path.expanduser("~"))
    return {"folder": str(folder), "bytes": size}


def _self_test() -> dict[str, Any]:
    """Find a drawn face in a picture and recognise it, with the network that ships."""
    import cv2
    import numpy as np

    from fer_tf.data.synthetic import draw
    from fer_tf.tasks import FER2013

    face = draw(np.array([FER2013.index(EXPECTED)]))[0]
    face = cv2.resize(face, (96, 96), interpolation=cv2.INTER_CUBIC)
    picture = cv2.copyMakeBorder(face, 72, 72, 72, 72, cv2.BORDER_REPLICATE)
    start = time.perf_counter()
    analysis = fer_tf.FaceAnalyzer().analyze(picture)
    if len(analysis) != 1:
        raise fer_tf.FerError(f"{len(analysis)} faces were found in a picture of one drawn face")
    seconds = round(time.perf_counter() - start, 4)
    label, certainty = analysis[0].emotion, round(analysis[0].certainty, 4)
    return {"label": label, "certainty": certainty, "seconds": seconds}


def _devices() -> dict[str, Any]:
    cli.start_keras()
    import keras

    return {"backend": keras.backend.backend(), "names": keras.distribution.list_devices()}


if __name__ == "__main__":
    cli.run(main)
