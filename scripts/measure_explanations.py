"""How faithful the explanations are, on PublicTest, and whether they hold the sanity check.

    python scripts/measure_explanations.py [--data data/fer2013.csv] [--faces 256]

Writes docs/explanations/explanations.txt and faithfulness.png.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from _machine import ROOT, header

import fer_tf
from fer_tf.explanations import DEFAULT_METHOD, METHODS, saliency_maps, sanity
from fer_tf.explanations.faithfulness import STEPS, Curves, curves, paired_interval
from fer_tf.explanations.occlusion import blurred
from fer_tf.report.figure_theme import LIGHT, new_figure, png, style
from fer_tf.trained.inference import predict_logits, softmax
from fer_tf.trained.model import open_trained

OUT = ROOT / "docs" / "explanations"
SANITY_FACES = 16
SEED = 0
COLOURS = {
    "gradient": "#66ccee",
    "smoothgrad": "#4477aa",
    "integrated": "#228833",
    "occlusion": "#ee6677",
    "gradcam-stage4": "#ccbb44",
    "gradcam-fused": "#aa3377",
    "rollout": "#d9731a",
    "random": "#5d6778",
    "blobs": "#9aa4b5",
    "centre": "#1c2330",
}
"""Paul Tol's "bright" scheme, more for the controls."""

CONTROLS = {
    "random": "independent noise in each pixel",
    "blobs": "noise smoothed with a standard deviation of 4 pixels, as coarse as occlusion",
    "centre": "the same for all faces: a Gaussian in the middle, standard deviation 12 pixels",
}


def controls(faces: np.ndarray) -> Mapping[str, np.ndarray]:
    """Maps that know nothing of the network."""
    from scipy.ndimage import gaussian_filter

    generator = np.random.default_rng(SEED)
    noise = generator.random(faces.shape, np.float32)
    away = np.arange(48) - 23.5
    bell = np.exp(-(away[:, None] ** 2 + away**2) / (2 * 12**2)).astype(np.float32)
    return {
        "random": noise,
        "blobs": gaussian_filter(generator.random(faces.shape, np.float32), (0, 4, 4)),
        "centre": np.broadcast_to(bell, faces.shape),
    }


def faithfulness_lines(measured: Mapping[str, Curves]) -> Iterator[str]:
    """A line for each method: areas, and its gain over the random map with an interval."""
    yield f"{'':16} deletion  insertion  insertion less deletion, over that of the random map"
    base = measured["random"]
    for name, curve in measured.items():
        gain = (curve.insertion_area - curve.deletion_area) - (
            base.insertion_area - base.deletion_area
        )
        mean, low, high = paired_interval(gain, seed=SEED)
        told = "" if name == "random" else f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"
        areas = f"{curve.deletion_area.mean():8.3f}  {curve.insertion_area.mean():9.3f}"
        yield f"{name:16} {areas}  {told}"


def similarity(
    model: keras.Model, faces: np.ndarray, target: np.ndarray, size: tuple[int, int]
) -> dict[str, dict[str, tuple[float, float]]]:
    """{kind: {method: (rank correlation, SSIM)}}, kind like "cascading fusion"."""
    from skimage.metrics import structural_similarity

    def maps(network: keras.Model) -> dict[str, np.ndarray]:
        return {
            m: saliency_maps(network, faces, method=m, target=target, size=size) for m in METHODS
        }

    before = maps(model)
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for kind, networks in (("cascading", sanity.cascading), ("independent", sanity.independent)):
        for group, network in networks(model, seed=SEED):
            if kind == "independent" and group == sanity.GROUPS[0]:
                continue  # The cascade's first.
            started = time.perf_counter()
            after = maps(network)
            found[f"{kind} {group}"] = {
                method: (
                    float(sanity.rank_correlation(before[method], after[method]).mean()),
                    float(
                        np.mean(
                            [
                                structural_similarity(a, b, data_range=1.0)
                                for a, b in zip(before[method], after[method], strict=True)
                            ]
                        )
                    ),
                )
                for method in METHODS
            }
            print(f"  {kind} {group}: {time.perf_counter() - started:.0f} s", flush=True)
    return found


def sanity_lines(found: Mapping[str, Mapping[str, tuple[float, float]]]) -> Iterator[str]:
    """A line for each method and similarity, and the verdicts."""
    for number, name in enumerate(("rank correlation (Spearman)", "SSIM")):
        for kind in ("cascading", "independent"):
            columns = [key for key in found if key.startswith(kind)]
            yield f"{name}, {kind}:"
            yield f"{'':16} " + " ".join(f"{key.split()[1]:>8}" for key in columns)
            for method in METHODS:
                values = (found[key][method][number] for key in columns)
                yield f"{method:16} " + " ".join(f"{value:8.2f}" for value in values)
            yield ""
    for method in METHODS:
        head, whole = (
            found[f"cascading {group}"][method][0]
            for group in (sanity.GROUPS[0], sanity.GROUPS[-1])
        )
        verdict = "holds" if sanity.passes(head, whole) else "FAILS"
        yield f"{method:16} {verdict}"


def figure(measured: Mapping[str, Curves]) -> bytes:
    """Mean deletion and insertion curves, as a PNG file."""
    drawing = new_figure(LIGHT, 10, 4.3)
    panels = drawing.subplots(1, 2, sharey=True)
    share = np.linspace(0, 100, STEPS + 1)
    for panel, kind, better in zip(
        panels, ("deletion", "insertion"), ("lower", "higher"), strict=True
    ):
        for name, curve in measured.items():
            known = name in METHODS
            panel.plot(
                share,
                getattr(curve, kind).mean(axis=0),
                color=COLOURS[name],
                linewidth=2.4 if name == DEFAULT_METHOD else 1.5,
                linestyle="-" if known else (0, (4, 2)),
                label=name,
            )
        done = "blurred" if kind == "deletion" else "shown"
        panel.set(
            title=f"{kind}: {better} is better",
            xlabel=f"% of pixels {done}, most salient first",
            xlim=(0, 100),
            ylim=(0, 1),
        )
        style(panel, LIGHT)
    panels[0].set_ylabel("probability of the answer, mean")
    drawing.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside right center",
        frameon=False,
        labelcolor=LIGHT.ink,
        fontsize=9.5,
    )
    return png(drawing)


def main() -> None:
    """Measure, print, and write the text and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default=str(ROOT / "data" / "fer2013.csv"))
    parser.add_argument("--faces", type=int, default=256)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()

    shipped = open_trained()
    model, size = shipped.network(), shipped.size()
    split = fer_tf.load_faces(args.data).of("PublicTest")
    chosen = np.sort(np.random.default_rng(SEED).permutation(len(split.images))[: args.faces])
    faces = split.images[chosen]

    def predict(images: np.ndarray) -> np.ndarray:
        return softmax(predict_logits(model, images, size=size))

    answers = predict(faces)
    target = answers.argmax(axis=1)
    maps, seconds = {}, {}
    for method in METHODS:
        started = time.perf_counter()
        maps[method] = saliency_maps(model, faces, method=method, target=target, size=size)
        seconds[method] = time.perf_counter() - started
        print(f"  {method}: {seconds[method]:.0f} s", flush=True)
    flat = np.broadcast_to(faces.mean(axis=(1, 2), keepdims=True), faces.shape).astype(np.uint8)
    measured: dict[str, Curves] = {}
    measured_flat: dict[str, Curves] = {}
    for name, salience in {**maps, **controls(faces)}.items():
        for found, removed in ((measured, blurred(faces)), (measured_flat, flat)):
            found[name] = curves(predict, faces, target, salience, removed=removed, seed=SEED)
        print(f"  curves of {name}", flush=True)
    few = slice(0, SANITY_FACES)
    similar = similarity(model, faces[few], target[few], size)

    rows = np.arange(len(faces))
    lines = [
        header(),
        "",
        f"the network that ships at {size[0]}x{size[1]} px, {len(faces)} faces of PublicTest, each",
        "one's most probable class; probability of it, mean:",
        f"whole faces {answers[rows, target].mean():.3f}, "
        f"blurred ones {predict(blurred(faces))[rows, target].mean():.3f}, "
        f"flat ones {predict(flat)[rows, target].mean():.3f}",
        "",
        "FAITHFULNESS: area under the curves; a removed pixel shows the blurred face, from which",
        "integrated gradients start and with which occlusion covers: that favours these two",
        *faithfulness_lines(measured),
        "",
        "The same, but a removed pixel shows the face's mean grey, which no method knows of",
        *faithfulness_lines(measured_flat),
        "",
        *(f"{name}: {what}" for name, what in CONTROLS.items()),
        "in brackets: 95 % bootstrap interval over the faces, paired",
        "",
        f"SANITY: similarity of {len(faces[few])} maps with those after layers were randomised",
        *sanity_lines(similar),
        f"FAILS: rank correlation above {sanity.HEAD_LIMIT} with random logits, or above "
        f"{sanity.WHOLE_LIMIT} with all layers random",
        "",
        "SECONDS for all maps, on a busy machine",
        *(f"{method:16} {value:6.0f}" for method, value in seconds.items()),
        "",
        f"default: {DEFAULT_METHOD}",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "explanations.txt").write_text(text, encoding="utf-8")
    (args.out / "faithfulness.png").write_bytes(figure(measured))


if __name__ == "__main__":
    main()
