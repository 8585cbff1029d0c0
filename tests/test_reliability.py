"""docs/reliability.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted({*re.findall(r"`(tests/[^`]+\.py(?:::\w+)?)`", PAGE)}))
def test_a_promise_has_its_test(name):
    file, _, test = name.partition("::")
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8") if test else True
    assert (ROOT / file).is_file()
