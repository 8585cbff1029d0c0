"""From times to a benchmark's rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from fer_tf.benchmarking.candidates import Candidate
from fer_tf.benchmarking.first_answer import FirstAnswer
from fer_tf.benchmarking.timing import Times
from fer_tf.report.latency import Row


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
        low, middle, high = ratio_quartiles(times, place, reference)
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


def ratio_quartiles(times: Times, place: int, reference: int) -> tuple[float, float, float]:
    """Of one candidate's latency over another's in the same round."""
    medians = np.median(times.latency, axis=2)
    low, middle, high = np.quantile(medians[:, place] / medians[:, reference], (0.25, 0.5, 0.75))
    return float(low), float(middle), float(high)


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
