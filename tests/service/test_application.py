"""What the service answers, and how it refuses: each status, one sentence, never 500."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import struct
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from running import eventually
from starlette.testclient import TestClient

import fer_tf
from fer_tf.pictures.decoding import decode
from fer_tf.service import engine
from fer_tf.service.application import create
from fer_tf.service.engine import FaceAnalyzer
from fer_tf.service.settings import Settings, Task

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))
import doors

FILES = resources.files("fer_tf") / "demo_files"
NAMES = ("astronaut.jpg", "drawn.jpg", "grace_hopper.jpg")
PHOTOS = {name: (FILES / name).read_bytes() for name in NAMES}
DRAWN = PHOTOS["drawn.jpg"]


@contextmanager
def here(workers, seconds):
    """Decodes in this process, where nothing hostile comes."""
    yield decode


@contextmanager
def started(task):
    with TestClient(create(task), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def service():
    """As it is started, but that a batch waits for all who prepare something."""
    with started(Task(Settings(batch_ms=60_000, max_pictures=8))) as client:
        yield client


@pytest.fixture(scope="module")
def strict():
    """With small limits and two keys."""
    limits = Settings(
        max_body_mb=1, max_pictures=2, max_megapixels=1, timeout_s=2, queue=1, min_certainty=1
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "decoding", here)
        with started(Task(limits, keys=("one", "two"))) as client:
            client.headers["Authorization"] = "Bearer two"
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


# ---- answers


def test_a_photo_is_answered_as_the_analyzer_does(service):
    answer = raw(service, PHOTOS["grace_hopper.jpg"]).json()
    (picture,) = answer["pictures"]
    (row,) = fer_tf.FaceAnalyzer().analyze(PHOTOS["grace_hopper.jpg"]).to_dicts()
    (face,) = picture["faces"]
    assert answer["model"] == "mit_b0_fusion" and picture["reason"] == ""
    assert (picture["width"], picture["height"]) == (512, 600)
    assert (face["face"], face["label"]) == (0, row["label"])
    assert face["certainty"] == pytest.approx(row["certainty"], abs=1e-6)
    for side, pixels in face["box"].items():
        assert pixels == pytest.approx(row[side], abs=0.06)
    for name, share in face["probabilities"].items():
        assert share == pytest.approx(row[f"probability_{name}"], abs=1e-6)
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert len(face["probabilities"]) == 7 and face["values"] == {}


def test_each_way_in_gives_the_same_answer(service):
    text = base64.b64encode(DRAWN).decode()
    ways = [
        raw(service, DRAWN),
        raw(service, DRAWN, kind="application/octet-stream"),
        service.post("/v1/analyze", files={"any": ("pictures[0]", DRAWN)}),
        service.post("/v1/analyze", json={"pictures": [text]}),
        service.post("/v1/analyze", json={"pictures": [f"data:image/jpeg;base64,{text}"]}),
        service.post("/v1/analyze", json={"pictures": [f"{text[:80]}\r\n{text[80:]}"]}),
    ]
    assert {way.status_code for way in ways} == {200}
    first = ways[0].json()
    assert len(first["pictures"][0]["faces"]) > 1
    assert all(way.json() == first for way in ways)


def test_pictures_of_one_batch_get_the_answers_of_single_ones(service):
    def batches():
        page = service.get("/metrics").text
        return float(re.search(r"^fer_tf_batch_pictures_count (.*)", page, re.M)[1])

    single = [
        service.post("/v1/analyze", files={"files": (name, data)}).json()["pictures"][0]
        for name, data in PHOTOS.items()
    ]
    before = batches()
    files = [("files", (name, data)) for name, data in PHOTOS.items()]
    together = service.post("/v1/analyze", files=files).json()["pictures"]
    assert batches() == before + 1
    assert [picture["source"] for picture in together] == list(NAMES)
    assert together == single


def test_requests_at_the_same_time_get_their_own_answers(service):
    alone = {name: raw(service, data).json() for name, data in PHOTOS.items()}
    with ThreadPoolExecutor(6) as threads:
        asked = [*NAMES] * 4
        answers = threads.map(lambda name: raw(service, PHOTOS[name]).json(), asked)
    assert all(answer == alone[name] for name, answer in zip(asked, answers, strict=True))


def test_a_picture_that_is_none_stops_none_of_its_neighbours(service):
    files = [("files", (n, d)) for n, d in (("a.txt", b"hello"), ("b.jpg", DRAWN))]
    bad, good = service.post("/v1/analyze", files=files).json()["pictures"]
    assert bad["reason"].startswith("a.txt: not a picture") and not bad["faces"]
    assert bad["width"] == 0 and good["faces"] and good["reason"] == ""


def test_a_picture_of_nobody_says_so(service):
    (picture,) = raw(service, png(200, 100)).json()["pictures"]
    assert picture["faces"] == [] and picture["reason"] == "no face was found"
    assert (picture["width"], picture["height"]) == (200, 100)


def test_crops_are_answered_whole(service):
    face = cv2.imdecode(np.frombuffer(DRAWN, np.uint8), cv2.IMREAD_COLOR)[80:200, 60:180]
    data = cv2.imencode(".png", face)[1].tobytes()
    (picture,) = raw(service, data, "/v1/faces").json()["pictures"]
    (expected,) = fer_tf.FaceAnalyzer().analyze_faces([data])
    (found,) = picture["faces"]
    assert found["box"] == {"left": 0, "top": 0, "width": 120, "height": 120}
    assert found["certainty"] == pytest.approx(expected.certainty, abs=1e-6)


def test_a_request_chooses_the_size_at_which_it_is_searched(service):
    small = raw(service, PHOTOS["astronaut.jpg"], "/v1/analyze?detect_size=64").json()
    usual = raw(service, PHOTOS["astronaut.jpg"], "/v1/analyze?detect_size=640").json()
    assert usual == raw(service, PHOTOS["astronaut.jpg"]).json()
    assert small != usual


def test_unsure_is_a_label(strict):
    (picture,) = raw(strict, DRAWN).json()["pictures"]
    assert {face["label"] for face in picture["faces"]} == {"unsure"}


def test_values_are_those_of_the_task():
    from fer_tf.service.replies import reply
    from fer_tf.vision.results import Analysis, Box, Face

    face = Face(
        Box(1, 2, 3, 4), 0.5, (0.25, 0.75), ("Calm", "Keen"), (), (0.5, -1), ("valence", "arousal")
    )
    (picture,) = reply("m", [engine.Seen(Analysis((face,), "", True, 9, 9))])["pictures"]
    assert picture["faces"][0]["values"] == {"valence": 0.5, "arousal": -1}
    assert picture["faces"][0]["probabilities"] == {"calm": 0.25, "keen": 0.75}


# ---- refusals


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


def test_a_body_that_tells_no_length_is_limited_too(strict):
    chunks = (b"x" * 65_536 for _ in range(17))
    answer = strict.post("/v1/analyze", content=chunks, headers={"Content-Type": "image/png"})
    assert refused(answer, 413, "more than 1,048,576 bytes")


@pytest.mark.parametrize("query", ["detect_size=63", "detect_size=1281", "detect_size=x"])
def test_queries_are_checked(service, query):
    assert refused(raw(service, DRAWN, f"/v1/analyze?{query}"), 422, "detect_size: found ")


def test_explanations_are_for_a_service_that_was_started_so(service):
    answer = raw(service, DRAWN, "/v1/analyze?explain=true")
    assert refused(answer, 422, "started without --explain, which needs Keras")


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
    assert refused(strict.get("/metrics", headers=headers), 401, "No valid key")
    assert strict.get("/healthz", headers=headers).status_code == 200


def test_either_key_and_either_header_will_do(strict):
    assert raw(strict, DRAWN).status_code == 200
    assert raw(strict, DRAWN, Authorization="bearer one").status_code == 200
    assert raw(strict, DRAWN, **{"Authorization": "", "X-API-Key": "one"}).status_code == 200


def test_paths_and_methods_that_are_not_there(service):
    assert refused(service.get("/v2"), 404, "GET /v2: not found, expected what /docs lists")
    wrong = service.get("/v1/analyze")
    assert refused(wrong, 405, "method not allowed") and wrong.headers["allow"] == "POST"


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
    start, body = asked(strict.app, [begun])
    assert start["status"] == 408 and b"The body did not come within 2 s" in body["body"]
    start, _ = asked(strict.app, [begun, {"type": "http.disconnect"}])
    assert start["status"] == 499


def test_a_fault_is_told_and_logged_with_the_id_of_its_request(strict, monkeypatch, caplog):
    monkeypatch.setattr(FaceAnalyzer, "crop", lambda *_: 1 / 0)
    answer = raw(strict, DRAWN, **{"X-Request-ID": "mine-1"})
    assert refused(answer, 500, "A fault of the service") and "division" not in answer.text
    (record,) = [each for each in caplog.records if each.name == "fer_tf.service"]
    assert record.fields == {"request_id": "mine-1"} and "ZeroDivisionError" in caplog.text


# ---- what strangers send


def test_damaged_pictures_are_answered_or_refused(service):
    samples = doors.DOORS["pictures"].samples()
    for seed in range(28):
        suffix, good = samples[seed % len(samples)]
        data = doors.damaged(good, seed)
        answer = service.post("/v1/analyze", files={"files": (f"seed{seed}{suffix}", data)})
        assert answer.status_code in (200, 413, 415, 422), (seed, answer.text)


def test_pictures_of_odd_shapes_are_answered(service):
    for width, height in ((1, 1), (1, 20_000), (20_000, 1), (65, 64)):
        assert raw(service, png(width, height)).status_code == 200
        assert raw(service, png(width, height), "/v1/faces").status_code == 200


def test_a_bomb_is_refused_by_its_header(service):
    header = b"IHDR" + struct.pack(">2I", 20_000, 20_000)
    bomb = png().replace(b"IHDR" + struct.pack(">2I", 8, 8), header)
    head, kind, rest = bomb.partition(header)
    bomb = head + kind + rest[:5] + struct.pack(">I", zlib.crc32(header + rest[:5])) + rest[9:]
    assert refused(raw(service, bomb), 413, "400 megapixels, expected at most 50")


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


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests(), st.sampled_from(["/v1/analyze", "/v1/faces"]))
def test_any_body_is_answered_or_refused_in_a_sentence(strict, request_, path):
    body, kind = request_
    answer = strict.post(path, content=body, headers={"Content-Type": kind.encode("latin-1")})
    assert answer.status_code in (400, 413, 415, 422)
    assert refused(answer, answer.status_code, "")


# ---- for who operates it


def test_a_request_has_an_id_and_a_line_in_the_log(service, caplog):
    caplog.set_level("INFO", "fer_tf.service.access")
    given = raw(service, DRAWN, **{"X-Request-ID": "trace:7"})
    made = raw(service, DRAWN, **{"X-Request-ID": "no spaces, please"})
    assert given.headers["x-request-id"] == "trace:7"
    assert re.fullmatch(r"[0-9a-f]{32}", made.headers["x-request-id"])
    line, _ = [each.fields for each in caplog.records if each.message == "request"]
    assert line["request_id"] == "trace:7" and line["status"] == 200 and line["ms"] > 0
    assert (line["method"], line["path"], line["pictures"]) == ("POST", "/v1/analyze", 1)
    assert line["faces"] == len(given.json()["pictures"][0]["faces"])


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


def test_numbers_are_counted(service):
    assert raw(service, DRAWN).status_code == 200 and raw(service, b"none").status_code == 415
    page = service.get("/metrics").text
    assert re.search(r'^fer_tf_requests_total\{path="/v1/analyze",status="415"\} ', page, re.M)
    assert re.search(r"^fer_tf_faces_total [1-9]", page, re.M)
    assert re.search(r"^fer_tf_requests_under_way 0.0$", page, re.M)
    assert re.search(r"^process_resident_memory_bytes ", page, re.M)


def test_the_page_describes_all_and_fetches_nothing_from_elsewhere(service):
    described = service.get("/openapi.json").json()
    assert set(described["paths"]) == {
        "/v1/analyze",
        "/v1/faces",
        "/healthz",
        "/readyz",
        "/metrics",
    }
    operation = described["paths"]["/v1/analyze"]["post"]
    (example,) = operation["requestBody"]["content"]["application/json"]["example"]["pictures"]
    assert service.post("/v1/analyze", json={"pictures": [example]}).status_code == 200
    assert {"200", "400", "401", "413", "415", "422", "503", "504"} <= set(operation["responses"])
    page = service.get("/docs").text
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(links) >= 3 and not re.search(r"https?://", page)
    assert all(service.get(link).status_code == 200 for link in links)
    assert service.get("/").url.path == "/docs"


def test_an_answer_is_explained(monkeypatch, tmp_path, small_network):
    from fer_tf.models.registry import create_model

    create_model(small_network, input_shape=(48, 48, 1)).save(tmp_path / "small.keras")
    monkeypatch.setattr(engine, "decoding", here)
    monkeypatch.setattr(engine, "DEFAULT_METHOD", "gradient")
    task = Task(Settings(explain=True), model=str(tmp_path / "small.keras"))
    with started(task) as client:
        answer = raw(client, PHOTOS["grace_hopper.jpg"], "/v1/analyze?explain=true").json()
        plain = raw(client, DRAWN).json()
    assert answer["model"] == "small.keras"
    (face,), (other, *_) = answer["pictures"][0]["faces"], plain["pictures"][0]["faces"]
    assert "saliency" not in other
    why = face["saliency"]
    assert (why["target"], why["method"]) == (face["label"], "gradient")
    saliency, crop = (
        cv2.imdecode(np.frombuffer(base64.b64decode(why[name]), np.uint8), cv2.IMREAD_UNCHANGED)
        for name in ("map", "crop")
    )
    assert saliency.shape == crop.shape == (48, 48) and saliency.max() == 255
