"""Which detector finds faces, and by which margin its boxes lose least: figures and a picture.

    python scripts/measure_detectors.py --data data/fer2013.csv [--cache detections.json]

Each of a sample of PublicTest's faces is enlarged and pasted into a picture of 640x480 pixels
(scripts/_scenes.py). A detection counts as found where its IoU with the pasted square is 0.4 or
more. The found ones are cut out with each margin and recognised; their accuracy, and the mean
logarithm of the true class's probability, are compared with those of the same faces as they are
in the file. --cache keeps the detections between runs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from _machine import ROOT, header
from _scenes import SIZES, Scene, background, photos, scene

from fer_tf.data import load_faces
from fer_tf.errors import FerError
from fer_tf.vision.crops import between_centres, crop_face, eye_angle
from fer_tf.vision.detectors import open_detector
from fer_tf.vision.detectors.protocol import Detector, glance
from fer_tf.vision.detectors.second_look import View
from fer_tf.vision.recognizer import open_recognizer
from fer_tf.vision.results import Box, Detection, Point

MARGINS = (-0.3, -0.2, -0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
IOU = 0.4
TURNS = (0, 15, 30, 45, 60, 90, 135, 180, -45, -90)
LIGHTS = (1.0, 0.5, 0.25, 0.12, 0.06)
Found = list[list[Detection]]
Curve = list[tuple[float, float, float]]
"""By margin: points of accuracy, their standard error, change of the mean log probability."""


def main() -> None:
    """Measure and write docs/detectors/detectors.txt and margins.png."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="fer2013.csv")
    parser.add_argument("--faces", type=int, default=1200, help="sample (default: 1200)")
    parser.add_argument("--all", action="store_true", help="all 3,589 faces of PublicTest")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--detectors", nargs="+", default=["yunet"], help="or a file")
    parser.add_argument("--times", action="store_true", help="only how fast they are: times.txt")
    parser.add_argument("--cache", type=Path, help="JSON file that keeps the detections")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "detectors")
    args = parser.parse_args()
    args.to.mkdir(parents=True, exist_ok=True)
    if args.times:
        load = f"load:    {os.getloadavg()[0]:.1f} processes that want the cores, on average"
        told = "\n".join([header(), load, "", *(time_line(name) for name in args.detectors)])
        (args.to / "times.txt").write_text(told + "\n", "utf-8")
        print(told)
        return

    faces = load_faces(str(args.data)).of("PublicTest")
    chosen = np.random.default_rng(args.seed).permutation(len(faces.images))
    chosen = chosen if args.all else chosen[: args.faces]
    images, labels = faces.images[chosen], faces.labels[chosen]

    def at(number: int) -> Scene:
        return scene(images[number], number, SIZES[number % len(SIZES)], seed=args.seed)

    recognise = open_recognizer()
    plain = recognise(images)
    right, _ = scores(plain, labels)
    lines = [
        header(),
        "",
        f"{len(images)} faces of PublicTest, seed {args.seed}, each pasted once, at "
        f"{', '.join(map(str, SIZES))} px in turn, every other",
        f"one feathered, into 640x480; found: IoU >= {IOU} with the pasted square. As they are in "
        f"the file,",
        f"{100 * right.mean():.1f} % of them are recognised ({recognise.path.name}, "
        f"{recognise.size[0]} px). Shares are in %.",
        "",
    ]
    curves: dict[str, Curve] = {}
    for name in args.detectors:
        detector = opened(name)
        print(f"{name}: looking", flush=True)
        found = cached(args.cache, f"{name} {args.seed}", detector, at, len(images))
        hits = [match(each, at(number).square) for number, each in enumerate(found)]
        lines += found_lines(name, detector, found, hits, at) + photo_lines(detector) + [""]
        rows, curve = margin_lines(hits, at, recognise, labels, plain)
        lines += [*rows, ""]
        curves |= {f"{name}{variant}": values for variant, values in curve.items()}
        print("\n".join(lines), flush=True)
    (args.to / "detectors.txt").write_text("\n".join(lines).rstrip() + "\n", "utf-8")
    (args.to / "margins.png").write_bytes(picture(curves))


def opened(name: str) -> Detector:
    """The detector that comes along, "yunet", or a file's."""
    return open_detector(None if name == "yunet" else name)


def looks(detector: Detector) -> tuple[Callable[[np.ndarray], list[Detection]], ...]:
    """Finding faces at a single look, and with the further ones where that shows nothing sure."""
    return lambda image: glance(detector, image), detector.detect


def turned(image: np.ndarray, degrees: float) -> View:
    """The whole picture turned counterclockwise, on a larger canvas."""
    height, width = image.shape[:2]
    side = int(np.ceil(np.hypot(height, width)))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    matrix[:, 2] += side / 2 - np.array([width, height]) / 2
    seen = cv2.warpAffine(
        image, between_centres(matrix), (side, side), borderMode=cv2.BORDER_REPLICATE
    )
    return View(seen, matrix)


def cached(
    path: Path | None, key: str, detector: Detector, at: Callable[[int], Scene], count: int
) -> Found:
    """What the detector finds in each scene, from the file or to it."""
    kept = json.loads(path.read_text("utf-8")) if path and path.exists() else {}
    rows_of = kept.setdefault(key, [])
    for number in range(len(rows_of), count):
        found = glance(detector, at(number).image)
        boxes = [(d.box.left, d.box.top, d.box.width, d.box.height) for d in found]
        rows_of.append([[*box, d.score, d.eyes] for box, d in zip(boxes, found, strict=True)])
        if path and (number % 50 == 49 or number == count - 1):
            path.write_text(json.dumps(kept), "utf-8")
    return [
        [Detection(Box(*row[:4]), row[4], eyes_of(row[5])) for row in rows]
        for rows in rows_of[:count]
    ]


def eyes_of(points: list[list[float]]) -> tuple[Point, Point] | tuple[()]:
    """As a `Detection` has them, from JSON's lists."""
    if not points:
        return ()
    (ax, ay), (bx, by) = points
    return (ax, ay), (bx, by)


def match(found: list[Detection], square: Box) -> Detection | None:
    """The detection that covers the square best, or None where none counts."""
    best = max(found, key=lambda each: each.box.iou(square), default=None)
    return best if best and best.box.iou(square) >= IOU else None


def found_lines(
    name: str,
    detector: Detector,
    found: Found,
    hits: list[Detection | None],
    at: Callable[[int], Scene],
) -> list[str]:
    """What was found by size, what was not there, and what a second look adds and costs."""
    by_size = {
        size: [hit is not None for n, hit in enumerate(hits) if SIZES[n % len(SIZES)] == size]
        for size in SIZES
    }
    edges = [[hit is not None for hit in hits[start::2]] for start in (0, 1)]
    false = sum(len(each) - (hit is not None) for each, hit in zip(found, hits, strict=True))
    missed = [n for n, hit in enumerate(hits) if hit is None][:40]
    again = [detector.detect(at(n).image) for n in missed]
    regained = [match(each, at(n).square) for each, n in zip(again, missed, strict=True)]
    upright = sum(hit is not None and abs(eye_angle(hit)) < 1 for hit in regained)
    tilted = sum(hit is not None for hit in regained) - upright
    wrong = sum(len(each) for each in again) - upright - tilted
    empty = [background(number, seed=1) for number in range(30)]
    nobody = [sum(map(bool, map(look, empty))) for look in looks(detector)]
    share = [f"{size} px {100 * statistics.mean(hit):.0f}" for size, hit in by_size.items()]
    x, y, ratio = offsets(hits, at)
    return [
        f"{name}: found {100 * statistics.mean(hit is not None for hit in hits):.1f} "
        f"({', '.join(share)}; hard edge {100 * statistics.mean(edges[0]):.0f}, feathered "
        f"{100 * statistics.mean(edges[1]):.0f}), false finds {false}",
        f"  the pasted square is {ratio[1]:.2f} times as wide as the box (quartiles {ratio[0]:.2f} "
        f"and {ratio[2]:.2f}), its middle {x:+.3f} right and {y:+.3f} below (medians, in sides)",
        f"  second look at the first {len(missed)} of those not found: {upright} found upright, "
        f"{tilted} turned, {wrong} false",
        f"  in {len(empty)} pictures of nobody: finds in {nobody[0]} at first look, in "
        f"{nobody[1]} at second",
    ]


def offsets(
    hits: list[Detection | None], at: Callable[[int], Scene]
) -> tuple[float, float, list[float]]:
    """Medians of the square's place against the box, and quartiles of its side."""
    rows = []
    for number, hit in enumerate(hits):
        if hit:
            square, box = at(number).square, hit.box
            side = (box.width + box.height) / 2
            dx = (square.center[0] - box.center[0]) / side
            rows.append((dx, (square.center[1] - box.center[1]) / side, square.width / side))
    quartiles = np.percentile(np.array(rows), [25, 50, 75], axis=0)
    return float(quartiles[1, 0]), float(quartiles[1, 1]), quartiles[:, 2].tolist()


def time_line(name: str) -> str:
    """What opening takes, and a photo of 640x480 pixels with a face, and one of nobody."""
    start = time.perf_counter()
    detector = opened(name)
    spent = time.perf_counter() - start
    astronaut = photos()["astronaut"]
    image = cv2.copyMakeBorder(astronaut[:480], 0, 0, 64, 64, cv2.BORDER_REPLICATE)
    nobody = background(0, seed=1)

    def median(picture: np.ndarray, repeats: int) -> float:
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            detector.detect(picture)
            times.append(1000 * (time.perf_counter() - start))
        return statistics.median(times[1:])

    return (
        f"{name}: opens in {spent:.2f} s; a picture of 640x480 with a face takes "
        f"{median(image, 21):.0f} ms, one of nobody, with the second look, {median(nobody, 6):.0f} "
        "ms (medians)"
    )


def photo_lines(detector: Detector) -> list[str]:
    """Photos turned and darkened: in how many the surest find is the face, by either look."""
    known = [(image, found[0]) for image in photos().values() if (found := glance(detector, image))]
    lines = [f"  {len(known)} of {len(photos())} photos as they are: found"]
    changes: tuple[tuple[str, Sequence[float], Callable[[np.ndarray, float], View]], ...] = (
        ("turned clockwise by", TURNS, lambda image, degrees: turned(image, -round(degrees))),
        ("darkened to", LIGHTS, darkened),
    )
    for what, values, change in changes:
        for name, look in zip(("first", "second"), looks(detector), strict=True):
            counts = []
            for value in values:
                views = [(change(image, value), face) for image, face in known]
                good = sum(lands(face, look(view.image), view) for view, face in views)
                counts.append(f"{value:g}: {good}")
            lines.append(f"  found {what}, {name} look: {', '.join(counts)}")
    return lines


def darkened(image: np.ndarray, times: float) -> View:
    """The picture with less light, and the noise that a camera then has."""
    noise = np.random.default_rng(0).normal(0, 2 if times < 1 else 0, image.shape)
    dark = np.clip(image * times + noise, 0, 255).round().astype(np.uint8)
    return View(dark, np.eye(2, 3))


def lands(face: Detection, found: list[Detection], view: View) -> bool:
    """Whether the surest find in a changed picture is where `face` then is."""
    if not found:
        return False
    x, y = view.matrix @ (*face.box.center, 1)
    seen = found[0].box
    near = np.hypot(seen.center[0] - x, seen.center[1] - y) < 0.3 * face.box.width
    return bool(near) and 0.6 < seen.width / face.box.width < 1.6


def margin_lines(
    hits: list[Detection | None],
    at: Callable[[int], Scene],
    recognise: Callable[[np.ndarray], np.ndarray],
    labels: np.ndarray,
    plain: np.ndarray,
) -> tuple[list[str], dict[str, Curve]]:
    """What a margin costs against the same faces as they are, by squaring and alignment.

    Args:
        hits: of each scene.
        at: the scenes.
        recognise: grey faces, uint8 [n, 48, 48], to probabilities [n, 7].
        labels: int [n].
        plain: the probabilities of the faces as they are.
    """
    there = [number for number, hit in enumerate(hits) if hit]
    kept = [(at(number).image, hit) for number, hit in enumerate(hits) if hit]
    right, log = scores(plain[there], labels[there])
    variants = [("", False, False)]
    variants += [(", aligned", False, True)] if any(hit.eyes for _, hit in kept) else []
    tall = any(abs(hit.box.width - hit.box.height) > 0.02 * hit.box.width for _, hit in kept)
    variants += [(", longer side", True, False)] if tall else []
    lines = [
        f"  the same {len(there)} faces as they are: {100 * right.mean():.1f}, mean log "
        f"probability {log:.3f}",
        f"  {'points of accuracy, of which':24}" + "".join(f"{margin:+7.2f}" for margin in MARGINS),
    ]
    curves: dict[str, Curve] = {}
    for variant, longer, align in variants:
        curve: Curve = []
        for margin in MARGINS:
            crops = [
                crop_face(
                    image,
                    squared(hit) if longer else hit,
                    (48, 48),
                    margin=margin,
                    align=align,
                    level=0,
                )
                for image, hit in kept
            ]
            answers = recognise(np.stack([crop.pixels for crop in crops]))
            found_right, found_log = scores(answers, labels[there])
            change = found_right.astype(float) - right
            error = change.std() / len(change) ** 0.5
            curve.append((100 * change.mean(), 100 * error, found_log - log))
        curves[variant] = curve
        told = variant.removeprefix(", ") or "mean side"
        for row, what in ((0, told), (1, "  standard error"), (2, "  log probability")):
            form = "+7.3f" if row == 2 else "7.1f" if row == 1 else "+7.1f"
            lines.append(f"  {what:28}" + "".join(format(each[row], form) for each in curve))
    return lines, curves


def scores(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """Which answers are right, bool [n], and the true class's mean log probability."""
    of_truth = probabilities[np.arange(len(labels)), labels]
    return probabilities.argmax(axis=1) == labels, float(np.log(np.maximum(of_truth, 1e-3)).mean())


def squared(hit: Detection) -> Detection:
    """With the longer side of its box on all sides."""
    side = max(hit.box.width, hit.box.height)
    x, y = hit.box.center
    return Detection(Box(x - side / 2, y - side / 2, side, side), hit.score, hit.eyes)


def picture(curves: dict[str, Curve]) -> bytes:
    """What the crops lose by margin, a line for each detector and variant."""
    from fer_tf.report.theme import LIGHT, new_figure, png, style

    figure = new_figure(LIGHT, 9.6, 4.0)
    dashes = {"": "-", "aligned": "--", "longer side": ":"}
    colours = {"yunet": LIGHT.accent}
    titles = "points of accuracy", "log probability of the true class"
    for axes, column, title in zip(figure.subplots(1, 2), (0, 2), titles, strict=True):
        style(axes, LIGHT)
        axes.axhline(0, color=LIGHT.faint, linewidth=1, linestyle=(0, (1, 2)))
        for name, curve in curves.items():
            detector, _, variant = name.partition(", ")
            values = np.array([each[column] for each in curve])
            colour = colours.get(detector, LIGHT.bad)
            axes.plot(MARGINS, values, dashes[variant], color=colour, linewidth=1.8, label=name)
            if column == 0 and not variant:
                errors = np.array([each[1] for each in curve])
                low, high = values - errors, values + errors
                axes.fill_between(MARGINS, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.set_title(title, color=LIGHT.ink, fontsize=10.5, loc="left")
        axes.set_xlabel("margin: share of its side by which the box is widened")
    axes.legend(frameon=False, labelcolor=LIGHT.ink, fontsize=9.5, loc="lower center")
    figure.suptitle(
        "Found faces against the same faces uncropped (dotted); band: standard error",
        color=LIGHT.faint,
        fontsize=9.5,
    )
    return png(figure)


if __name__ == "__main__":
    try:
        main()
    except FerError as error:
        raise SystemExit(f"measure_detectors: {error}") from None
