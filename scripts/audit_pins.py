"""Ask PyPI for the known advisories about each version in constraints.txt, with pip-audit.

    pip install pip-audit; python scripts/audit_pins.py

prints the date and a line for each advisory. Exits 0 if there is none, 1 if there are some, and 2
if a pin could not be checked, where pip-audit itself says that it found nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from fer_tf.cli import run
from fer_tf.errors import FerError

PINS = Path(__file__).resolve().parents[1] / "constraints.txt"


def audited(pins: Path) -> list[dict]:
    """Of each pin its "name", "version" and "vulns", a list of advisories.

    Raises:
        FerError: pip-audit is not installed, does not reach PyPI, or passes over a pin.
    """
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(pins)]
    options = ["--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json"]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        raise FerError(f"{pins.name} could not be checked: {last[:200]}") from None
    skipped = [each["name"] for each in found if "vulns" not in each]
    if skipped:
        raise FerError(
            f"{pins.name} could not be checked: {len(skipped)} of {len(found)} pins are unknown to "
            f"the index that pip-audit asks ({', '.join(skipped[:3])}, ...)"
        )
    return found


def main() -> None:
    """The command."""
    pins = audited(PINS)
    advisories = [(pin, advisory) for pin in pins for advisory in pin["vulns"]]
    print(f"{datetime.now(UTC):%Y-%m-%d}: {len(pins)} pins, {len(advisories)} known advisories")
    for pin, advisory in advisories:
        mended = ", ".join(advisory["fix_versions"]) or "no version"
        print(f"{pin['name']} {pin['version']}: {advisory['id']}, mended in {mended}")
    sys.exit(bool(advisories))


if __name__ == "__main__":
    run(main)
