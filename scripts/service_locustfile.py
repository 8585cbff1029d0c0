"""What the clients of scripts/measure_service.py do; read by locust.

Each asks again as soon as it is answered, over a connection that it keeps. MEASURE_PATH,
MEASURE_PICTURE and MEASURE_OUT are the path, the picture's file, and the file into which each
request's milliseconds and what became of it are written, beside a file "begun" as they begin; after
MEASURE_COUNT requests it ends.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import gevent
from locust import FastHttpUser, events, task

PATH, OUT = os.environ["MEASURE_PATH"], Path(os.environ["MEASURE_OUT"])
PICTURE = Path(os.environ["MEASURE_PICTURE"]).read_bytes()
COUNT = int(os.environ.get("MEASURE_COUNT", "0"))
done: list[tuple[float, str]] = []


class Client(FastHttpUser):
    """Asks without a pause."""

    @task
    def ask(self) -> None:
        """One picture."""
        self.client.post(PATH, data=PICTURE, headers={"Content-Type": "image/jpeg"})


@events.request.add_listener
def remember(response_time, exception, context, response=None, **_) -> None:
    """Keep what became of a request: "200", another status, or an error's name."""
    status = getattr(response, "status_code", 0)
    cause = getattr(exception, "__cause__", None) or exception
    done.append((response_time, str(status) if status else type(cause).__name__))
    if len(done) == COUNT:
        gevent.spawn(runner.quit)  # it ends this client, too


@events.init.add_listener
def init(environment, **_) -> None:
    """Know what ends it."""
    global runner
    runner = environment.runner


@events.spawning_complete.add_listener
def begun(**_) -> None:
    """All clients ask from now on."""
    OUT.with_name("begun").touch()


@events.quitting.add_listener
def write(**_) -> None:
    """Leave the requests to who asked for them."""
    OUT.write_text(json.dumps(done))
