"""Writes NAME.weights.h5, float16, of the model of each run: small enough to carry elsewhere.

python scripts/halve_weights.py runs OUT
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fer_tf.models.saving import load_model, save_half_weights


def main() -> None:
    """Write those that are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, help="folder of run folders")
    parser.add_argument("out", type=Path, help="folder to write to")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for file in sorted(args.runs.glob("*/best.keras")):
        save_half_weights(load_model(file), args.out / f"{file.parent.name}.weights.h5")


if __name__ == "__main__":
    main()
