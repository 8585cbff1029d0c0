"""Write a model's weights in float16, half the size: what `create_model(weights=...)` takes.

python scripts/save_weights.py runs/scratch/best.keras OUT.weights.h5
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import numpy as np

import fer_tf


def copy_halved(source: h5py.Group, target: h5py.Group) -> None:
    """Copy a group of an HDF5 file, its float32 arrays as float16 and packed."""
    target.attrs.update(source.attrs)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            copy_halved(item, target.create_group(name))
            continue
        array = item[()]
        half = array.astype(np.float16) if array.dtype == np.float32 else array
        packed = {"compression": "gzip", "shuffle": True} if half.ndim else {}
        target.create_dataset(name, data=half, **packed).attrs.update(item.attrs)


def main() -> None:
    """Convert one file, beside its place and then renamed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path, help="a .keras file")
    parser.add_argument("out", type=Path, help="a .weights.h5 file to write")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.out.parent) as folder:
        full, half = (Path(folder) / f"{name}.weights.h5" for name in ("full", "half"))
        fer_tf.load_model(args.model).save_weights(full)
        with h5py.File(full) as source, h5py.File(half, "w") as target:
            copy_halved(source, target)
        os.replace(half, args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
