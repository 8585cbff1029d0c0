"""What each form of a network costs: `python -m fer_tf.benchmark runs/scratch`."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from tyro.conf import Positional, arg

from fer_tf import cli
from fer_tf.benchmarking.candidates import (
    Candidate,
    export_candidates,
    exported_forms,
    found_candidates,
    runtimes,
)
from fer_tf.benchmarking.comparison import make_rows
from fer_tf.benchmarking.first_answer import FirstAnswer, first_answer
from fer_tf.benchmarking.timing import Times, time_candidates
from fer_tf.errors import FerError
from fer_tf.exporting.formats import check_installed
from fer_tf.files import refuse_strangers, write_beside, writing
from fer_tf.recipes.schema import Reading
from fer_tf.report.figure_theme import png
from fer_tf.report.latency import Row, latency_figure, latency_table, to_csv
from fer_tf.report.machine import header
from fer_tf.runtimes.resizing import to_input
from fer_tf.shipped import SHIPPED
from fer_tf.trained.model import open_trained

if TYPE_CHECKING:
    import keras

    from fer_tf.data.faces import Faces

CALIBRATION_FACES = 256
FILES = ("benchmark.csv", "benchmark.png", "benchmark.txt")


@dataclass(frozen=True)
class Benchmark:
    """Measure what each form of a network costs, side by side."""

    models: Annotated[Positional[tuple[str, ...]], arg(metavar="MODEL_OR_DIR ...")] = ()
    """These are measured: run folders, .keras files or "nano", the small network that ships, which
    are exported for it at each size, or export folders or files."""
    shipped: bool = False
    """The network mit_b0_fusion that comes with the package is measured too, exported at each
    size."""
    sizes: tuple[int, ...] = (48, 64, 96, 128, 224)
    """The faces have these sides in pixels. Each takes minutes on two cores, most to export."""
    data: str | None = None
    """The accuracy on PublicTest of this fer2013.csv (plain or packed) is measured too."""
    reading: Reading = field(default_factory=Reading)
    formats: tuple[str, ...] = tuple(runtimes())
    """These forms are measured. OpenVINO is left out where it is not installed, and so is what a
    folder lacks."""
    baseline: str = "litert-float32"
    """The others' latencies are divided by this form's, of the same model and size."""
    threads: tuple[int, ...] = (1, 2)
    """A runtime may use so many threads, each number in turn."""
    rounds: int = 30
    """Each form has its turn so many times."""
    out: str = "benchmark"
    """The files benchmark.csv, benchmark.png and benchmark.txt are written into this folder."""


def benchmark(args: Benchmark, say: Callable[[str], None]) -> list[Row]:
    """Export or find the forms, start each afresh, and time them in alternating rounds.

    Args:
        args: the command's flags.
        say: is told what is being done.

    Raises:
        FerError: a flag or a file is not as expected, or a form can't be opened.
    """
    check(args)
    with tempfile.TemporaryDirectory(prefix="fer_tf-benchmark-") as folder:
        place = Path(folder)
        faces = None
        if args.data is not None:
            from fer_tf.data import load_faces

            faces = load_faces(args.data, say=print, **vars(args.reading))
        judged = None if faces is None else faces.of("PublicTest")
        candidates = collect(args, place, faces, say)
        if not candidates:
            asked = [*args.models, *["--shipped"] * args.shipped]
            raise FerError(
                f"{' '.join(asked)}: nothing left to measure with --formats "
                f"{' '.join(args.formats)} and --sizes {' '.join(map(str, args.sizes))}"
            )
        starts: list[FirstAnswer] = []
        for candidate in candidates:
            say(f"cold start of {candidate.format} at {candidate.size[0]} px")
            starts.append(first_answer(candidate))
        arrays = {} if judged is None else write_faces(judged, candidates, place)
        times: dict[int, Times] = {}
        for number in args.threads:
            last = number == args.threads[-1]
            times[number] = time_candidates(
                candidates,
                place,
                threads=number,
                rounds=args.rounds,
                faces=arrays if last else {},
                labels=() if judged is None else judged.labels,
                classes=() if judged is None else judged.task.labels,
                say=say,
            )
        return make_rows(candidates, starts, times, args.baseline)


def check(args: Benchmark) -> None:
    """Refuse flags that can't be meant, and an --out that is no folder, before long work.

    Raises:
        FerError: the flag, what was found and what was expected.
    """
    for flag, values in (
        ("--sizes", args.sizes),
        ("--threads", args.threads),
        ("--rounds", (args.rounds,)),
    ):
        if not values or min(values) < 1:
            found = " ".join(map(str, values)) or "nothing"
            raise FerError(f"{flag}: found {found}, expected whole numbers from 1")
    for flag, given in (
        ("MODEL_OR_DIR", args.models),
        ("--sizes", args.sizes),
        ("--threads", args.threads),
        ("--formats", args.formats),
    ):
        if len({*given}) < len(given):
            raise FerError(f"{flag}: found {' '.join(map(str, given))}, expected each once")
    if not args.models and not args.shipped:
        raise FerError(
            "MODEL_OR_DIR: found nothing, expected a run, a .keras file, an export or --shipped"
        )
    for name in args.formats:
        if name not in runtimes():
            raise FerError(f"--formats {name}: expected some of {', '.join(runtimes())}")
    if args.baseline not in args.formats:
        raise FerError(
            f"--baseline: found {args.baseline}, expected one of --formats {' '.join(args.formats)}"
        )
    if Path(args.out).exists() and not Path(args.out).is_dir():
        raise FerError(f"--out: {args.out} is a file, expected a folder")
    refuse_strangers(Path(args.out), FILES, sign="benchmark.csv", text="model,format,size")
    for model in args.models:
        if model not in SHIPPED and not Path(model).exists():
            raise FerError(f"{model}: no such file or folder: expected a run, model or export")


def collect(
    args: Benchmark, place: Path, faces: Faces | None, say: Callable[[str], None]
) -> list[Candidate]:
    """Every form of every model that was asked for."""
    candidates: list[Candidate] = []
    names: list[str | None] = [*args.models, *[None] * args.shipped]
    for number, given in enumerate(names):
        trained = open_trained(given)
        if given and not trained.is_keras:
            candidates += found_candidates(
                given, trained.path, sizes=args.sizes, formats=args.formats
            )
            continue
        name = given or "shipped"
        exports = exported_forms()
        check_installed(exports[form][0] for form in args.formats if form in exports)
        say(f"loading {name}")
        model = trained.network()
        for side in args.sizes:
            trained.size((side, side))
        candidates += export_candidates(
            name,
            _keras_file(trained.path, model, place / f"{number}.keras"),
            model,
            place / str(number),
            sizes=args.sizes,
            formats=args.formats,
            calibration=_calibration(faces),
            say=say,
        )
    return candidates


def _keras_file(path: Path, model: keras.Model, new: Path) -> Path:
    """A .keras file of the network: its own, or a new one where it has weights alone."""
    if path.suffix == ".keras":
        return path
    from fer_tf.models.saving import save_model

    save_model(model, new)
    return new


def write_faces(faces: Faces, candidates: Sequence[Candidate], place: Path) -> dict[str, str]:
    """Faces as .npy files, one for each size that is asked for: see `timing.Job.faces`."""
    files = {}
    for height, width in sorted({candidate.face for candidate in candidates}):
        name = f"{height}x{width}"
        files[name] = str(place / f"{name}.npy")
        colour = faces.images.ndim == 4
        resized = to_input(faces.images, (height, width), 3 if colour else 1)
        np.save(files[name], resized if colour else resized[..., 0])
    return files


def _calibration(faces: Faces | None) -> np.ndarray:
    """Training faces, always the same, or drawn ones: uint8 [n, h, w] or [n, h, w, 3]."""
    if faces is None:
        from fer_tf.data.synthetic import draw_dataset

        return np.asarray(draw_dataset(CALIBRATION_FACES).images)
    images = faces.of("Training").images
    count = min(CALIBRATION_FACES, len(images))
    return images[np.random.default_rng(0).choice(len(images), count, replace=False)]


def as_text(rows: Sequence[Row], baseline: str) -> str:
    """The machine, the table and what was counted."""
    from rich.console import Console

    table = io.StringIO()
    Console(file=table, width=160, markup=False).print(latency_table(rows, baseline))
    lines = [header(), "", table.getvalue()]
    for model in dict.fromkeys(row.model for row in rows):
        own = [row for row in rows if row.model == model]
        counts = {row.size: row.multiply_adds for row in own if row.multiply_adds}
        counted = ", ".join(f"{counts[size] / 1e6:,.1f} M at {size} px" for size in sorted(counts))
        lines.append(
            f"multiply-adds in the files of {model} (convolutions, dense, attention's products): "
            f"{counted or '?'}"
        )
        if own[0].parameters:
            lines.append(f"parameters of {model}: {own[0].parameters:,}")
    return "\n".join(line.rstrip() for line in "\n".join(lines).splitlines()) + "\n"


def write_files(rows: Sequence[Row], text: str, directory: Path) -> None:
    """The rows as CSV and as a picture, and what the command prints."""
    directory.mkdir(parents=True, exist_ok=True)
    contents = {
        "benchmark.txt": text.encode(),
        "benchmark.csv": to_csv(rows).encode(),
        "benchmark.png": png(latency_figure(rows)),
    }
    for name, content in contents.items():
        write_beside(directory / name, content)


def main(argv: Sequence[str] | None = None) -> None:
    """The command.

    Raises:
        FerError: as of `benchmark`.
    """
    args = cli.parse(Benchmark, argv, "python -m fer_tf.benchmark")
    cli.end_on_sigterm()
    from rich.console import Console

    # A line that tells what is being done, and is gone when all is done.
    with Console(stderr=True).status("starting") as status:
        rows = benchmark(args, status.update)
    text = as_text(rows, args.baseline)
    print(text)
    directory = Path(args.out)
    with writing(directory):
        write_files(rows, text, directory)
    print(f"written: {', '.join(str(directory / name) for name in FILES)}")


if __name__ == "__main__":
    cli.run(main)
