"""The application without a server: its clients, and what they expect of a refusal."""

from __future__ import annotations

import io
from contextlib import contextmanager
from importlib import resources

from PIL import Image
from starlette.testclient import TestClient

from fer_tf.pictures.decoding import decode
from fer_tf.service.application import create

FILES = resources.files("fer_tf") / "demo_files"
NAMES = ("astronaut.jpg", "drawn.jpg", "grace_hopper.jpg")
PHOTOS = {name: (FILES / name).read_bytes() for name in NAMES}
DRAWN = PHOTOS["drawn.jpg"]


@contextmanager
def here(workers, seconds):
    """Decodes in this process, where nothing hostile comes."""
    yield decode


@contextmanager
def started(job):
    with TestClient(create(job), raise_server_exceptions=False) as client:
        yield client


def png(width=8, height=8, **options):
    out = io.BytesIO()
    Image.new("L", (width, height)).save(out, "PNG", **options)
    return out.getvalue()


def raw(client, data, path="/v1/analyze", kind="image/jpeg", **headers):
    return client.post(path, content=data, headers={"Content-Type": kind, **headers})


def refused(answer, status, told):
    """Check a refusal: RFC 9457's fields, and one sentence on one line."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status and problem["title"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert told in problem["detail"] and "\n" not in problem["detail"]
    return True
