"""From times to a benchmark's rows and targets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fer_tf.benchmarking.candidates import Candidate
from fer_tf.benchmarking.first_answer import FirstAnswer
from fer_tf.benchmarking.timing import Times
from fer_tf.report.goals import Target
from fer_tf.report.latency import Row

LARGE, SMALL = (224, 224), (64, 64)


def make_rows(
    candidates: Sequence[Candidate],
    starts: Sequence[FirstAnswer],
    times: Mapping[int, Times],
    baseline: str,
) -> list[Row]:
    """A row for each candidate and number of threads.

    Args:
        candidates: what was measured.
        starts: of each candidate.
        times: by number of threads; the accuracy is taken from whichever has it.
        baseline: the form that the others are divided by.
    """
    return [
        _row(place, candidates, start, threads, measured, baseline, _accuracy(times, place))
        for place, start in enumerate(starts)
        for threads, measured in times.items()
    ]


def _row(
    place: int,
    candidates: Sequence[Candidate],
    start: FirstAnswer,
    threads: int,
    times: Times,
    baseline: str,
    accuracy: float | None,
) -> Row:
    own = candidates[place]
    reference = _find(candidates, baseline, own.size, own.model)
    low, middle, high = None, None, None
    if reference is not None:
        low, middle, high = np.quantile(ratios(times, place, reference), (0.25, 0.5, 0.75)).tolist()
    seconds = times.latency[:, place]
    per_second = {
        size: _known(size / np.median(rounds[:, place])) for size, rounds in times.batch.items()
    }
    return Row(
        model=own.model,
        format=own.format,
        size=own.size[0],
        threads=threads,
        parameters=own.parameters,
        multiply_adds=own.multiply_adds,
        file_bytes=own.file_bytes,
        cold_start_s=start.seconds,
        peak_memory_bytes=start.peak_bytes,
        latency_ms=1e3 * float(np.median(seconds)),
        latency_p95_ms=1e3 * float(np.quantile(seconds, 0.95)),
        images_per_second_1=1 / float(np.median(seconds)),
        images_per_second_8=per_second[8],
        images_per_second_64=per_second[64],
        ratio=middle,
        ratio_q1=low,
        ratio_q3=high,
        accuracy=accuracy,
    )


def ratios(times: Times, place: int, reference: int) -> NDArray[np.float64]:
    """One candidate's latency over another's in the same round, [round]."""
    medians = np.median(times.latency, axis=2)
    return medians[:, place] / medians[:, reference]


def make_targets(
    candidates: Sequence[Candidate], starts: Sequence[FirstAnswer], times: Mapping[int, Times]
) -> list[Target]:
    """What LiteRT should reach, one thread, for the first model that was given.

    The floor is what the network's multiply-adds, two operations each, would take at the speed
    at which this core multiplied large float32 matrices in the same round.
    """
    model = candidates[0].model
    large = _find(candidates, "litert-float32", LARGE, model)
    small = _find(candidates, "litert-float32", SMALL, model)
    int8 = _find(candidates, "litert-int8", LARGE, model)
    one = times.get(1)
    floor = faster = shrunk = None
    detail = ""
    if one is not None and large is not None:
        operations = 2.0 * (candidates[large].multiply_adds or math.nan)
        speeds = one.matrix_flops / np.median(one.matrix, axis=1)
        floor = np.median(one.latency[:, large], axis=1) * speeds / operations
        detail = (
            f"; {operations / 2e6:.1f} M multiply-adds, {np.median(speeds) / 1e9:.0f} GFLOP/s of "
            f"matrices in the median and {one.peak / 1e9:.0f} at best, so at best "
            f"{1e3 * operations / one.peak:.2f} ms"
        )
        faster = None if int8 is None else ratios(one, large, int8)
        shrunk = None if small is None else ratios(one, small, large)
    return [
        _target("LiteRT float32 at 224 px, over its floor, at most 1.25", floor, detail, most=1.25),
        _target("LiteRT int8 at 224 px, times as fast as float32, at least 1.8", faster, least=1.8),
        _target("LiteRT float32, 64 px over 224 px, at most 0.125", shrunk, most=0.125),
        _cold_target(None if large is None else starts[large]),
    ]


def _target(
    text: str,
    rounds: NDArray[np.float64] | None,
    detail: str = "",
    *,
    least: float = 0.0,
    most: float = math.inf,
) -> Target:
    """Judge the median of the rounds."""
    if rounds is None:
        return Target(text)
    low, middle, high = np.quantile(rounds, (0.25, 0.5, 0.75))
    found = f"{middle:.3g} (quartiles {low:.3g} and {high:.3g}){detail}"
    return Target(text, bool(least <= middle <= most), found)


def _cold_target(start: FirstAnswer | None) -> Target:
    text = "LiteRT float32 at 224 px, cold start, at most 1 s and without TensorFlow"
    if start is None:
        return Target(text)
    imported = "imported" if start.tensorflow else "not imported"
    found = f"{start.seconds:.2f} s, TensorFlow {imported}"
    return Target(text, start.seconds <= 1 and not start.tensorflow, found)


def _find(
    candidates: Sequence[Candidate], form: str, size: tuple[int, int], model: str
) -> int | None:
    """The place of one candidate among them all."""
    wanted = (form, size, model)
    places = (i for i, c in enumerate(candidates) if (c.format, c.size, c.model) == wanted)
    return next(places, None)


def _accuracy(times: Mapping[int, Times], place: int) -> float | None:
    known = (_known(measured.accuracy[place]) for measured in times.values())
    return next((share for share in known if share is not None), None)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
