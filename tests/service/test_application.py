"""What the service answers, to good pictures and to what strangers send, and what it tells."""

from __future__ import annotations

import base64
import re
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from asking import DRAWN, NAMES, PHOTOS, here, png, raw, refused, started

import fer_tf
from fer_tf.service import engine
from fer_tf.service.settings import Job, Settings

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))
import doors


@pytest.fixture(scope="module")
def service():
    """As it is started, but that a batch waits for all who prepare something."""
    with started(Job(Settings(batch_ms=60_000, max_pictures=8))) as client:
        yield client


@pytest.fixture(scope="module")
def flipping():
    with started(Job(Settings(tta="flip"))) as client:
        yield client


@pytest.mark.parametrize(("name", "tta"), [("service", "none"), ("flipping", "flip")])
def test_a_photo_is_answered_as_the_analyzer_does(name, tta, request):
    answer = raw(request.getfixturevalue(name), PHOTOS["grace_hopper.jpg"]).json()
    (picture,) = answer["pictures"]
    (row,) = fer_tf.FaceAnalyzer(tta=tta).analyze(PHOTOS["grace_hopper.jpg"]).to_dicts()
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


def test_values_are_those_of_the_task():
    from fer_tf.service.replies import reply
    from fer_tf.vision.results import Analysis, Box, Face

    face = Face(
        Box(1, 2, 3, 4), 0.5, (0.25, 0.75), ("Calm", "Keen"), (), (0.5, -1), ("valence", "arousal")
    )
    (picture,) = reply("m", [engine.Seen(Analysis((face,), "", True, 9, 9))])["pictures"]
    assert picture["faces"][0]["values"] == {"valence": 0.5, "arousal": -1}
    assert picture["faces"][0]["probabilities"] == {"calm": 0.25, "keen": 0.75}


@pytest.mark.parametrize("query", ["detect_size=63", "detect_size=1281", "detect_size=x"])
def test_queries_are_checked(service, query):
    assert refused(raw(service, DRAWN, f"/v1/analyze?{query}"), 422, "detect_size: found ")


def test_explanations_are_for_a_service_that_was_started_so(service):
    answer = raw(service, DRAWN, "/v1/analyze?explain=true")
    assert refused(answer, 422, "started without --explain, which needs Keras")


def test_paths_and_methods_that_are_not_there(service):
    assert refused(service.get("/v2"), 404, "GET /v2: not found, expected what /docs lists")
    wrong = service.get("/v1/analyze")
    assert refused(wrong, 405, "method not allowed") and wrong.headers["allow"] == "POST"


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
    job = Job(Settings(explain=True), model=str(tmp_path / "small.keras"))
    with started(job) as client:
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
