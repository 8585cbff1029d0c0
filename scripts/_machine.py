"""What the scripts share: the repository, and the head of every benchmark's output."""

from __future__ import annotations

from pathlib import Path

from fer_tf.report.machine import header

ROOT = Path(__file__).resolve().parents[1]

__all__ = ["ROOT", "header"]
