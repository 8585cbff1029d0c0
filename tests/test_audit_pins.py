"""scripts/audit_pins.py with a pip-audit of straw: what was not checked is never called good."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GOOD = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]}
UNKNOWN = {"name": "c", "skip_reason": "not found on PyPI"}


@pytest.mark.parametrize(
    ("dependencies", "code", "told"),
    [
        ([GOOD], 0, "1 pins, 0 known advisories"),
        ([GOOD, BAD], 1, "b 2: PYSEC-1, mended in 2.1"),
        ([GOOD, UNKNOWN], 2, "could not be checked: 1 of 2 pins are unknown"),
        (None, 2, "could not be checked: no network"),
    ],
)
def test_pins_are_audited_or_it_is_said_that_they_were_not(tmp_path, dependencies, code, told):
    answer = json.dumps({"dependencies": dependencies}) if dependencies else ""
    straw = f"import sys\nprint({answer!r})\nprint('no network', file=sys.stderr)\n"
    (tmp_path / "pip_audit.py").write_text(straw)
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/audit_pins.py")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, told in done.stdout + done.stderr) == (code, True)
