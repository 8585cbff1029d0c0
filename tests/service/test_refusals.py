"""What the service refuses: each status in a sentence, and 500 for its own faults alone."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from asking import DRAWN, here, png, raw, refused, started
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running import eventually

from fer_tf.service import engine
from fer_tf.service.engine import FaceAnalyzer
from fer_tf.service.settings import Job, Settings


@pytest.fixture(scope="module")
def strict():
    """With small limits and two keys."""
    limits = Settings(
        max_body_mb=1, max_pictures=2, max_megapixels=1, timeout_s=2, queue=1, min_certainty=1
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "decoding", here)
        with started(Job(limits, keys=("one", "two"))) as client:
            client.headers["Authorization"] = "Bearer two"
            yield client


def test_unsure_is_a_label(strict):
    (picture,) = raw(strict, DRAWN).json()["pictures"]
    assert {face["label"] for face in picture["faces"]} == {"unsure"}


@pytest.mark.parametrize(
    ("status", "kind", "body", "told"),
    [
        (400, "application/json", b"{", "not JSON"),
        (400, "application/json", b'"\\ud800"', "not JSON"),
        (400, "application/json", b"[" * 100_000, "not JSON"),
        (400, "multipart/form-data", b"x", "boundary"),
        (400, "multipart/form-data; boundary=a", b"x", "Invalid multipart"),
        (413, "image/png", b"x" * 1_048_577, "more than 1,048,576 bytes"),
        (413, "image/png", png(2000, 1000), "2000x1000 pixels, 2 megapixels, expected at most 1"),
        (413, "application/json", json.dumps({"pictures": ["QQ=="] * 3}), "More than 2 pictures"),
        (415, "text/html", DRAWN, "content-type: found 'text/html'"),
        (415, "", DRAWN, "content-type: found ''"),
        (415, "image/jpeg", b"GIF, not", "not a picture"),
        (415, "image/jpeg", b"", "an empty file"),
        (415, "image/svg+xml", b"<svg></svg>", "an SVG drawing"),
        (422, "image/jpeg", DRAWN[:9000], "a damaged or cut-off JPEG"),
        (422, "application/json", b"[]", 'expected {"pictures"'),
        (422, "application/json", b'{"pictures": []}', 'expected {"pictures"'),
        (422, "application/json", b'{"pictures": [7]}', "pictures[0]: "),
        (422, "application/json", b'{"pictures": ["QQ=="], "more": 1}', "more: "),
        (422, "application/json", b'{"pictures": ["*"]}', "pictures[0]: no base64"),
        (422, "application/json", b'{"pictures": ["data:x"]}', "pictures[0]: no base64"),
    ],
)
def test_bad_bodies_are_refused_in_a_sentence(strict, status, kind, body, told):
    answer = strict.post("/v1/analyze", content=body, headers={"Content-Type": kind})
    assert refused(answer, status, told)


def test_forms_are_limited_and_hold_files_alone(strict):
    many = [("files", (f"{i}", b"x")) for i in range(3)]
    assert refused(strict.post("/v1/analyze", files=many), 413, "More than 2 pictures")
    mixed = strict.post("/v1/analyze", files=many[:1], data={"size": "3"})
    assert refused(mixed, 422, "Field 'size': found text")
    none = strict.post(
        "/v1/analyze",
        content=b"--a--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=a"},
    )
    assert refused(none, 422, "Found no picture")


def test_a_name_that_json_cannot_hold_is_mended(strict):
    head = b'--a\r\nContent-Disposition: form-data; name="f"; filename="+2AA-.png"\r\n\r\n'
    kind = "multipart/form-data; boundary=a; charset=utf-7"
    answer = raw(strict, head + png() + b"\r\n--a--\r\n", kind=kind)
    assert answer.status_code == 200 and answer.json()["pictures"][0]["source"] == "?.png"


def test_a_body_that_tells_no_length_is_limited_too(strict):
    chunks = (b"x" * 65_536 for _ in range(17))
    answer = strict.post("/v1/analyze", content=chunks, headers={"Content-Type": "image/png"})
    assert refused(answer, 413, "more than 1,048,576 bytes")


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer three"},
        {"Authorization": "Basic two"},
        {"Authorization": b"Bearer tw\xf6"},
        {"Authorization": "", "X-API-Key": "one,two"},
    ],
)
def test_work_and_numbers_need_the_key(strict, headers):
    answer = raw(strict, DRAWN, **headers)
    assert refused(answer, 401, "No valid key") and answer.headers["www-authenticate"] == "Bearer"
    for path in ("/metrics", "/v1/", "/v1/analyze/", "/v1/anything"):
        assert refused(strict.get(path, headers=headers), 401, "No valid key")
    assert strict.get("/healthz", headers=headers).status_code == 200


def test_either_key_and_either_header_will_do(strict):
    assert raw(strict, DRAWN).status_code == 200
    assert raw(strict, DRAWN, Authorization="bearer one").status_code == 200
    assert raw(strict, DRAWN, **{"Authorization": "", "X-API-Key": "one"}).status_code == 200


def test_a_full_queue_and_a_late_answer(strict, monkeypatch):
    go_on = threading.Event()
    answer = FaceAnalyzer.answer

    def slow(*arguments):
        go_on.wait(60)
        return answer(*arguments)

    monkeypatch.setattr(FaceAnalyzer, "answer", slow)
    with ThreadPoolExecutor(1) as thread:
        late = thread.submit(raw, strict, DRAWN)
        eventually(lambda: strict.app.status.under_way)
        full = raw(strict, DRAWN)
        assert refused(full, 503, "1 requests are under way") and full.headers["retry-after"] == "1"
        assert strict.get("/readyz").status_code == 200
        assert refused(late.result(), 504, "No answer within 2 s")
    go_on.set()
    monkeypatch.undo()
    assert raw(strict, DRAWN).status_code == 200 and strict.app.status.under_way == 0


def asked(app, messages):
    """What an application sends to a request with these headers' and body's messages."""
    sent = []

    async def receive():
        if messages:
            return messages.pop(0)
        return await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    headers = [(b"content-type", b"image/png"), (b"x-api-key", b"one")]
    scope = {"type": "http", "method": "POST", "path": "/v1/analyze", "headers": headers}
    scope |= {"query_string": b"", "root_path": "", "server": ("x", 80), "scheme": "http"}
    asyncio.run(app(scope, receive, send))
    return sent


def test_a_body_that_does_not_come(strict):
    begun = {"type": "http.request", "body": b"x", "more_body": True}
    start, body, _ = asked(strict.app, [begun])
    assert start["status"] == 408 and b"The body did not come within 2 s" in body["body"]
    start, _ = asked(strict.app, [begun, {"type": "http.disconnect"}])
    assert start["status"] == 499


def test_a_fault_is_told_and_logged_with_the_id_of_its_request(strict, monkeypatch, caplog):
    monkeypatch.setattr(FaceAnalyzer, "crop", lambda *_: 1 / 0)
    answer = raw(strict, DRAWN, **{"X-Request-ID": "mine-1"})
    assert refused(answer, 500, "A fault of the service") and "division" not in answer.text
    (record,) = [each for each in caplog.records if each.name == "fer_tf.service"]
    assert record.fields == {"request_id": "mine-1"} and "ZeroDivisionError" in caplog.text


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=9) | st.just("QQ=="),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
NAMED = st.tuples(st.text(max_size=12), st.text(max_size=12), st.binary(max_size=40))


@st.composite
def requests(draw):
    """A body and its type: what is meant for it, or anything."""
    if draw(st.booleans()):
        given = draw(st.fixed_dictionaries({"pictures": JSON}) | JSON)
        return json.dumps(given).encode(), "application/json"
    parts = b""
    for field, name, data in draw(st.lists(NAMED, max_size=3)):
        named = f'form-data; name="{field}"; filename="{name}"'.encode("utf-8", "replace")
        parts += b"--a\r\nContent-Disposition: " + named + b"\r\n\r\n" + data + b"\r\n"
    body = parts + b"--a--\r\n"
    if draw(st.booleans()):
        at, more = draw(st.integers(0, len(body))), draw(st.binary(max_size=9))
        body = body[:at] + more + body[at + draw(st.integers(0, 9)) :]
    kinds = ["multipart/form-data; boundary=a", "multipart/form-data", "application/json"]
    return body, draw(st.sampled_from(kinds) | st.text("abc/;= \xff", max_size=9))


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(requests(), st.sampled_from(["/v1/analyze", "/v1/faces"]))
def test_any_body_is_answered_or_refused_in_a_sentence(strict, request_, path):
    body, kind = request_
    answer = strict.post(path, content=body, headers={"Content-Type": kind.encode("latin-1")})
    assert answer.status_code in (400, 413, 415, 422)
    assert refused(answer, answer.status_code, "")


def test_it_says_whether_it_lives_and_takes_requests(strict):
    assert strict.get("/healthz").json() == {"status": "ok"}
    assert strict.get("/readyz").json() == {"status": "ready"}
    strict.app.status.draining = True
    try:
        ending = strict.get("/readyz")
        assert refused(ending, 503, "is ending") and ending.headers["connection"] == "close"
        assert strict.get("/healthz").status_code == 200
        assert raw(strict, DRAWN).status_code == 200
    finally:
        strict.app.status.draining = False
