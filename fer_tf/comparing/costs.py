"""What a network costs: weights, multiply-adds and time, of random weights, which cost the same.

One process builds a network (`network_forms`), another times it (`fer_tf.benchmarking.timing`): it
opens the network's forms beside those of `mit_b0_fusion` and gives each its turn in every round.
The largest networks, of almost a gigabyte of weights, do not fit into memory all at once; the ratio
to one network, in the same round, stays comparable when the machine is now faster, now slower.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fer_tf.benchmarking.comparison import ratio_quartiles
from fer_tf.benchmarking.timing import Job, Times, from_json
from fer_tf.comparing.children import Children
from fer_tf.comparing.network_forms import FORMS
from fer_tf.errors import FerError
from fer_tf.files import write_beside
from fer_tf.models.registry import find_network
from fer_tf.tasks import Task

BASELINE = "mit_b0_fusion"
"""Every network's time is divided by this one's."""


@dataclass(frozen=True)
class Timed:
    """The time of a face in one form, batch 1.

    Attributes:
        ms: milliseconds, the median over all calls.
        ratio: over that of `BASELINE` in the same round: the median of the rounds, or None.
        low: its lower quartile.
        high: its upper quartile.
    """

    ms: float
    ratio: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Costs:
    """What a network costs at one size.

    Attributes:
        network: its name in the registry.
        asked: side in pixels that was asked for; None for the published one.
        size: (height, width) in pixels that it was built for.
        parameters: trainable weights.
        multiply_adds: of one face; None where they could not be counted.
        keras: on the processor or GPU that `device` names; None where it was not timed.
        litert: on one thread of the processor; None where it was not timed.
        device: what ran Keras.
        rounds: of the timing; 0 without one.
        baseline: side in pixels at which `BASELINE` ran.
        machine: what was measured on.
        failure: why something above is missing, or "".
    """

    network: str
    asked: int | None
    size: tuple[int, int] | None = None
    parameters: int | None = None
    multiply_adds: int | None = None
    keras: Timed | None = None
    litert: Timed | None = None
    device: str = ""
    rounds: int = 0
    baseline: int | None = None
    machine: str = ""
    failure: str = ""


class CostMeter:
    """Measures networks one after the other, and keeps what it found in a folder.

    Args:
        children: what runs the processes.
        folder: of the files costs/*.json and of the logs.
        place: a folder for what is built; the caller removes it.
        machine: what the figures hold for; those of another are measured again.
        rounds: of the timing; 0 for none.
        baseline: side in pixels of `BASELINE`; None for its published one.
        say: is told what is being done.
    """

    def __init__(
        self,
        children: Children,
        folder: Path,
        *,
        place: Path,
        machine: str,
        rounds: int,
        baseline: int | None,
        say: Callable[[str], None],
    ):
        self._children = children
        self._folder = folder
        self._place = place
        self._machine = machine
        self._rounds = rounds
        self._baseline = baseline
        self._say = say
        self._baselines: dict[str, dict[str, Any]] = {}

    def size(self, network: str, asked: int | None, task: Task | None) -> Costs:
        """What `measure` says, without the time: the size and the count."""
        return self._cached(network, asked, task, rounds=0)

    def measure(self, network: str, asked: int | None, task: Task | None) -> Costs:
        """What a network costs.

        Args:
            network: its name in the registry.
            asked: side in pixels; a network that is built for one size and can't be for this one
                has its published size. None for the published size.
            task: what it answers; None for what the published network does.

        Raises:
            Stopped: as of `Children.run`.
        """
        return self._cached(network, asked, task, rounds=self._rounds)

    def known(self, network: str, asked: int | None, task: Task | None) -> Costs | None:
        """What was measured before; None where nothing was."""
        return _read(self._file(network, asked, task))

    def _file(self, network: str, asked: int | None, task: Task | None) -> Path:
        name = "-".join([network, str(asked or "published"), task.name if task else "own"])
        return self._folder / "costs" / f"{name}.json"

    def _cached(self, network: str, asked: int | None, task: Task | None, rounds: int) -> Costs:
        file = self._file(network, asked, task)
        known = _read(file)
        enough = known is not None and not known.failure and known.rounds >= rounds
        if known is not None and enough and known.machine == self._machine:
            # A ratio to the baseline of another size is another one.
            side = self._baseline or find_network(BASELINE).input_shape[0]
            if not rounds or known.baseline in (None, side):
                return known
        self._say(f"{network}: {'counting and timing' if rounds else 'building'}")
        found = self._measure(network, asked, task, rounds, file.stem)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_beside(file, json.dumps(asdict(found), indent=2) + "\n")
        return found

    def _measure(
        self, network: str, asked: int | None, task: Task | None, rounds: int, name: str
    ) -> Costs:
        with tempfile.TemporaryDirectory(dir=self._place) as folder:
            found = self._build(network, asked, task, Path(folder), name, forms=rounds > 0)
            costs = Costs(
                network,
                asked,
                size=found.get("size") and tuple(found["size"]),
                parameters=found.get("parameters"),
                multiply_adds=found.get("multiply_adds"),
                device=found.get("device", ""),
                machine=self._machine,
                failure=found.get("failure", ""),
            )
            if not rounds or costs.size is None:
                return costs
            own = found.get("forms", {})
            base = {} if network == BASELINE else self._baseline_built(task)
            both = [(form, path) for form, path in base.get("forms", {}).items() if form in own]
            candidates = [("baseline", *each) for each in both]
            candidates += [("own", form, path) for form, path in own.items()]
            side = base["size"][0] if base else None
            times, failure = self._time(candidates, costs.size, side, Path(folder), name, rounds)
        costs = replace(
            costs,
            rounds=rounds,
            baseline=side,
            failure="; ".join(filter(None, [costs.failure, failure])),
        )
        return costs if times is None else _with_times(costs, candidates, times)

    def _build(
        self,
        network: str,
        asked: int | None,
        task: Task | None,
        folder: Path,
        name: str,
        forms: bool,
    ) -> dict[str, Any]:
        """Run `network_forms`; what it told, with the reason of its failure."""
        told, job = folder / "told.json", folder / "build.json"
        order = {"network": network, "asked": asked, "folder": str(folder), "forms": forms}
        order |= {"task": None if task is None else task.to_json(), "told": str(told)}
        job.write_text(json.dumps(order))
        command = [sys.executable, "-m", "fer_tf.comparing.network_forms", str(job)]
        ended = self._children.run(command, self._folder / "logs" / f"costs-{name}.txt")
        found = json.loads(told.read_text()) if told.is_file() else {}
        return {**found, "failure": ended.failure} if ended.failure else found

    def _baseline_built(self, task: Task | None) -> dict[str, Any]:
        """What `_build` told of `BASELINE`, which is built once for each task."""
        key = "own" if task is None else task.to_json()
        if key not in self._baselines:
            folder = self._place / f"baseline{len(self._baselines)}"
            folder.mkdir()
            found = self._build(BASELINE, self._baseline, task, folder, f"{BASELINE}-beside", True)
            if not found.get("forms"):
                raise FerError(f"{BASELINE}: {found.get('failure')}: expected it to be timed")
            self._baselines[key] = found
        return self._baselines[key]

    def _time(
        self,
        candidates: Sequence[tuple[str, str, str]],
        size: tuple[int, int],
        side: int | None,
        folder: Path,
        name: str,
        rounds: int,
    ) -> tuple[Times | None, str]:
        """Times of the candidates, in a process of their own, or why there are none."""
        sizes = {"own": size, "baseline": (side or 0, side or 0)}
        places = [(path, FORMS[form][1], sizes[whose]) for whose, form, path in candidates]
        if not places:
            return None, ""
        job, told = folder / "timing.json", folder / "times.json"
        job.write_text(json.dumps(asdict(Job(places, threads=1, rounds=rounds, batches=()))))
        command = [sys.executable, "-m", "fer_tf.benchmarking.timing", str(job), str(told)]
        ended = self._children.run(command, self._folder / "logs" / f"costs-{name}.txt")
        if ended.failure:
            return None, f"not timed: {ended.failure}"
        return from_json(told.read_text()), ""


def _with_times(costs: Costs, candidates: Sequence[tuple[str, str, str]], times: Times) -> Costs:
    """The costs with the medians of the times, and their ratios to the baseline's."""
    places = {(whose, form): place for place, (whose, form, _) in enumerate(candidates)}
    timed: dict[str, Timed] = {}
    for (whose, form), place in places.items():
        if whose == "baseline":
            continue
        ms = 1e3 * float(np.median(times.latency[:, place]))
        reference = places.get(("baseline", form))
        if reference is None:
            alone = 1.0 if costs.network == BASELINE else None
            timed[form] = Timed(ms, alone, alone, alone)
        else:
            low, middle, high = ratio_quartiles(times, place, reference)
            timed[form] = Timed(ms, middle, low, high)
    return replace(costs, keras=timed.get("keras"), litert=timed.get("litert"))


def _read(file: Path) -> Costs | None:
    """What was found before; None where nothing was, or the file is damaged."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        for form in FORMS:
            found[form] = found[form] and Timed(**found[form])
        found["size"] = found["size"] and tuple(found["size"])
        return Costs(**found)
    except (OSError, ValueError, KeyError, TypeError):
        return None
