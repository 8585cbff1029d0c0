"""How many faces YuNet finds by their size, turn, light and cover, and how much that is none.

    python scripts/measure_detectors.py                                  # the free set
    python scripts/measure_detectors.py WIDER_val/images wider_face_split/wider_face_val_bbx_gt.txt

The free set is what scripts/_people.py finds in installed packages and makes of that. A folder's
boxes are in WIDER FACE's text format (scripts/_wider.py). A face is found where a find's IoU with
its box is 0.4 or more, each find counting once; any other find is false, but where the face is
marked as invalid or smaller than --smallest.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from _changes import COVERS, LIGHTS, TURNS, covered, lit, turned
from _machine import header
from _people import Picture, crowds, nobody, people, photos, shrunk
from _wider import Labelled, matched, read_boxes

from fer_tf.detecting import DETECT_SIZE, MIN_FACE, MIN_SCORE
from fer_tf.errors import FerError
from fer_tf.pictures.images import read_image
from fer_tf.vision.detectors.yunet import YunetDetector
from fer_tf.vision.results import Box, Detection

SIZES = (12, 16, 24, 32, 48, 64, 96, 160)
"""Pixels from which sizes of faces are told apart, the mean side of their boxes."""
SCALES = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.125)
"""At which the free set's pictures are looked at for that."""
GROUPS = ("as it is", "size", "turned", "light", "covered", "nobody")
RULE = "|---|--:"
STRAYS = 12
"""So many false finds are listed."""
Look = Callable[[np.ndarray], list[Detection]]


@dataclass
class Count:
    """What a look found under one condition."""

    faces: int = 0
    found: int = 0
    pictures: int = 0
    false: int = 0


@dataclass
class Table:
    """Counts by condition and look: a condition is its group, and which one of that."""

    looks: dict[str, Look]
    smallest: float
    counts: dict[tuple[str, str], dict[str, Count]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Count))
    )
    strays: list[str] = field(default_factory=list)

    def add(self, group: str, which: str, picture: Picture) -> None:
        """Look at a picture under a condition."""
        faces = [Labelled(f.box, f.counts and size(f.box) >= self.smallest) for f in picture.faces]
        for name, look in self.looks.items():
            found = [each for each in look(picture.image) if size(each.box) >= self.smallest]
            there, false = matched(found, faces)
            count = self.counts[group, which][name]
            count.pictures += 1
            count.false += len(false)
            count.faces += sum(face.counts for face in faces)
            count.found += sum(hit for face, hit in zip(faces, there, strict=True) if face.counts)
            self.strays += [
                f"{group}, {which}: {picture.name}, {name}, score {each.score:.2f}"
                for each in false
            ]

    def add_sizes(self, picture: Picture) -> None:
        """Look at a picture, its faces told apart by their size, small ones too."""
        for name, look in self.looks.items():
            there, _ = matched(look(picture.image), picture.faces)
            for face, hit in zip(picture.faces, there, strict=True):
                step = int(np.searchsorted(SIZES, size(face.box), side="right"))
                if face.counts and step > 0:
                    count = self.counts["size", f"from {SIZES[step - 1]} px"][name]
                    count.faces += 1
                    count.found += hit

    def lines(self) -> list[str]:
        """Markdown: recall in %, false finds a picture, and the first of these."""
        names = list(self.looks)
        recall = [_row("recall in %", "faces", *names), RULE + "|--:" * len(names) + "|"]
        finds: dict[str, list[int]] = defaultdict(lambda: [0] * (1 + len(names)))
        for (group, which), of in sorted(self.counts.items(), key=lambda row: _order(*row[0])):
            counts = [of[name] for name in names]
            if faces := counts[0].faces:
                shares = (f"{100 * count.found / faces:.0f}" for count in counts)
                recall.append(_row(f"{group}: {which}", faces, *shares))
            added = [counts[0].pictures, *(count.false for count in counts)]
            finds[group] = [x + y for x, y in zip(finds[group], added, strict=True)]
        false = [_row("false finds a picture", "pictures", *names), recall[1]]
        for group, (pictures, *numbers) in finds.items():
            if pictures:
                false.append(_row(group, pictures, *(f"{each / pictures:.3f}" for each in numbers)))
        return [*recall, "", *false, "", *(f"- {stray}" for stray in self.strays[:STRAYS])]


def _row(what: str, number: object, *values: str) -> str:
    return f"| {what:30} | {number:>8} |" + "".join(f" {value:>7} |" for value in values)


def _order(group: str, which: str) -> tuple[int, int]:
    """Groups as they are measured, sizes from the smallest on."""
    return GROUPS.index(group), int(which.split()[1]) if group == "size" else 0


def size(box: Box) -> float:
    """Mean side of a box in pixels."""
    return (box.width + box.height) / 2


def measure(table: Table, pictures: Iterable[Picture], scales: Sequence[float], kind: str) -> None:
    """Look at each picture as it is, and for its faces' sizes at each scale."""
    for picture in pictures:
        table.add("as it is", kind, picture)
        for scale in scales:
            table.add_sizes(shrunk(picture, scale) if scale != 1 else picture)


def measure_changed(table: Table, pictures: Iterable[Picture], kind: str) -> None:
    """Look at each picture turned, in another light, and with its faces covered."""
    for picture in pictures:
        for degrees in TURNS:
            table.add("turned", f"{degrees} degrees, {kind}", turned(picture, degrees))
        for times in LIGHTS:
            table.add("light", f"x {times:g}, {kind}", lit(picture, times))
        for what in COVERS:
            table.add("covered", f"{what}, {kind}", covered(picture, what))


def in_folder(root: Path, boxes: Path, most: int, seed: int) -> Iterator[Picture]:
    """A sample of the pictures that a file of boxes names, read one at a time."""
    faces = read_boxes(boxes)
    names = list(faces)
    for number in sorted(np.random.default_rng(seed).permutation(len(names))[:most]):
        name = names[number]
        yield Picture(name, read_image(root / name), tuple(faces[name]))


def looks(sizes: Sequence[int], min_score: float) -> dict[str, Look]:
    """By column: a photo's look at each size, and that of a video's frame at the default size."""

    def opened(pixels: int) -> YunetDetector:
        return YunetDetector(detect_size=pixels, min_score=min_score, min_face=0)

    columns: dict[str, Look] = {f"{pixels} px": opened(pixels).detect for pixels in sizes}
    return columns | {"video": opened(DETECT_SIZE).glance}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", help="of pictures; else the free set")
    parser.add_argument("boxes", type=Path, nargs="?", help="WIDER FACE's text file of its faces")
    parser.add_argument("--pictures", type=int, default=200, help="of the folder (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of that sample")
    parser.add_argument("--sizes", type=int, nargs="+", default=[320, 640, 1280], metavar="PIXELS")
    parser.add_argument("--min-score", type=float, default=MIN_SCORE)
    parser.add_argument("--smallest", type=float, default=MIN_FACE, help="face, but by size")
    args = parser.parse_args()
    if (args.folder is None) != (args.boxes is None):
        parser.error("expected a folder of pictures and the file of their boxes, or neither")
    table = Table(looks(args.sizes, args.min_score), args.smallest)
    if args.folder:
        pictures = [args.folder, args.boxes, args.pictures, args.seed]
        measure(table, in_folder(*pictures), (1.0,), "all")
        measure_changed(table, in_folder(*pictures), "all")
    else:
        measure(table, photos(), SCALES, "photos")
        measure(table, crowds(), SCALES, "crowds")
        measure_changed(table, people(), "photos")
        measure_changed(table, crowds(), "crowds")
        for picture in nobody():
            table.add("nobody", "as it is", picture)
    about = f"score >= {args.min_score:g}, faces of {args.smallest:g} px and more, but by size"
    print("\n".join([header(), "", about, "", *table.lines()]))


if __name__ == "__main__":
    try:
        main()
    except FerError as error:
        raise SystemExit(f"measure_detectors: {error}") from None
