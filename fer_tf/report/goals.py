"""A benchmark's targets: what was wanted, what was measured, and whether it is met."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """One of them; as a string, a line that tells it.

    Attributes:
        text: what was wanted.
        met: None where the runs for it were not among those asked for.
        found: the numbers behind `met`.
    """

    text: str
    met: bool | None = None
    found: str = ""

    def __str__(self) -> str:
        verdict = {True: "met", False: "missed", None: "not measured"}[self.met]
        return f"{verdict:13}{self.text}" + (f": {self.found}" if self.found else "")
