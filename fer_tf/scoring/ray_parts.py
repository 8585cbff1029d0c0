"""Parts on Ray: as many at a time as there are cores, and again where a worker died.

A part is a task of Ray's core without retries of its own: who dies is counted here. Workers are
processes that Ray keeps, and with them the analyzer that the first part opened. Ray Data's pool of
actors would retry a part that kills its worker for ever (max_task_retries is -1 in Ray 2.60), and
where that is limited, it is reported to keep dead actors and to stand still
(https://github.com/ray-project/ray/issues/62746).
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fer_tf import cli
from fer_tf.cores import cores
from fer_tf.errors import FerError, reason
from fer_tf.scoring.part_scores import PartTally, give_up, score_part
from fer_tf.scoring.places import Unreachable
from fer_tf.scoring.score_jobs import ScoreJob

DEATHS = 3
"""Workers that a part may kill before its inputs are isolated."""

GIVEN_UP = 2 * DEATHS
"""Workers that a part may kill in all, before it is given up."""

OUTAGES = 3
"""How often a part is tried if its file system fails."""

STALLED_S = 900
"""Seconds after which a worker in which nothing happens ends itself."""

_LOOK_S = 10.0  # for nodes that came, or went
_ANSWER_S = 10.0  # until a cluster's port answers
_STORE = 80 * 2**20  # bytes of shared memory, Ray's least: what passes are small numbers


def run_parts(
    job: ScoreJob,
    parts: Iterable[int],
    *,
    workers: int | None,
    address: str | None,
    done: Callable[[PartTally], None],
    say: Callable[[str], None],
) -> None:
    """Score parts, in any order.

    Args:
        job: with its list of inputs in OUT.
        parts: their numbers; taken from as workers become free.
        workers: parts at a time; None for one a core of the cluster, nodes that come included.
        address: of a cluster, or "auto" for the one of this machine; None to start one here.
        done: called for each part when its file is there.
        say: called with a sentence for each worker that died.

    Raises:
        FerError: Ray can't be started or reached, or as of `score_part`.
    """
    with _joined(address, workers) as ray:
        score = ray.remote(num_cpus=1, max_retries=0)(_score)
        waiting = iter(parts)
        again: list[int] = []
        running: dict[Any, int] = {}
        deaths: Counter[int] = Counter()
        outages: Counter[int] = Counter()

        while True:
            # Twice as many as can run: none waits for this loop, and an autoscaler sees them.
            room = workers or 2 * max(int(ray.cluster_resources().get("CPU", 0)), 1)
            while (
                len(running) < room
                and (number := again.pop() if again else next(waiting, None)) is not None
            ):
                running[score.remote(job, number, deaths[number] >= DEATHS)] = number
            if not running:
                return
            finished, _ = ray.wait(list(running), timeout=_LOOK_S)
            for task in finished:
                number = running.pop(task)
                try:
                    done(ray.get(task))
                except ray.exceptions.RayTaskError as error:
                    outages[number] += 1
                    if not isinstance(error.cause, Unreachable) or outages[number] == OUTAGES:
                        raise _told(error, number) from None
                    again.append(number)
                except ray.exceptions.RayError as error:
                    # A node takes its workers with it, whatever they did.
                    deaths[number] += not isinstance(error, ray.exceptions.NodeDiedError)
                    if deaths[number] < GIVEN_UP:
                        say(f"part {number}: its worker died, and another one is given it")
                        again.append(number)
                        continue
                    why = f"its part ended {GIVEN_UP} workers, one by one"
                    say(f"part {number}: given up, as {why}")
                    done(give_up(job, number, why))


def _score(job: ScoreJob, number: int, alone: bool) -> PartTally:
    """What a worker does."""
    import cv2

    cv2.setNumThreads(1)

    def alive() -> None:
        faulthandler.dump_traceback_later(STALLED_S, exit=True)

    alive()
    try:
        if not alone:
            return score_part(job, number, alive=alive)
        from fer_tf.scoring.isolated_scores import isolated

        # Its processes have limits of their own.
        faulthandler.cancel_dump_traceback_later()
        with isolated(job) as answer:
            return score_part(job, number, answer=answer)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _told(error: Any, number: int) -> FerError:
    cause = error.cause
    if isinstance(cause, FerError):
        return cause
    return FerError(f"part {number}: ended with {type(cause).__name__}: {reason(cause)}")


def _check_answers(address: str) -> None:
    """Refuse an address where nobody answers; Ray would wait for minutes.

    Raises:
        FerError: nobody does.
    """
    host, found, port = address.rpartition("://")[2].rpartition(":")
    if not found:  # "auto", or what Ray tells about
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
    except (OSError, ValueError) as error:
        raise FerError(
            f"--ray-address {address}: does not answer ({reason(error)}), expected HOST:PORT of a "
            "Ray cluster"
        ) from None


@contextlib.contextmanager
def _joined(address: str | None, workers: int | None) -> Iterator[Any]:
    """Ray, started here or joined, and left at the end."""
    before = signal.getsignal(signal.SIGTERM)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")  # or it prints among the answers
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns
    import ray

    here: dict[str, Any] = {
        "address": "local",
        "num_cpus": workers or cores(),
        "include_dashboard": False,
        "object_store_memory": _STORE,
    }
    if address is not None:
        _check_answers(address)
    try:
        ray.init(
            **(here if address is None else {"address": address}),
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    except Exception as error:
        place = "here" if address is None else f"--ray-address {address}"
        raise FerError(f"{place}: Ray can't be started or reached: {reason(error)}") from None
    cli.end_on_sigterm()  # the workers end, too, and Ray does not report the signal
    try:
        yield ray
    finally:
        ray.shutdown()
        signal.signal(signal.SIGTERM, before)
