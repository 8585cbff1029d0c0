"""The client against what a server says, over loopback gRPC and HTTP; and the health check."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import exported
import grpc
import numpy as np
import pytest
import serving_client
import tensorflow as tf
import yaml
from exported import FACES, file
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from fer_tf.tasks import FER2013

HERE = Path(__file__).parent
CLIENT = HERE.parents[1] / "scripts" / "serving_client.py"


@pytest.fixture(scope="module")
def model(small_network):
    return exported.network()


@pytest.fixture(scope="module")
def server(model, tmp_path_factory):
    """A child process that serves; .grpc and .rest are its ports, .directory what it serves."""
    folder = exported.write(model, tmp_path_factory.mktemp("served"))
    with subprocess.Popen(
        [sys.executable, str(HERE / "loopback_server.py"), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"},
    ) as child:
        said = json.loads(child.stdout.readline())
        yield SimpleNamespace(directory=folder.parent.parent, **said)
        child.stdin.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{place}.png" for place in range(len(FACES))]
    for path, face in zip(paths, FACES, strict=True):
        path.write_bytes(file(face))
    return paths


def client(*arguments) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(CLIENT), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
    )


def ways(server) -> list[list[str]]:
    """The arguments for gRPC and for REST."""
    return [
        ["--address", f"127.0.0.1:{server.grpc}"],
        ["--rest", f"http://127.0.0.1:{server.rest}/"],
    ]


def refused(*arguments) -> str:
    """The sentence that the client ends with."""
    done = client(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    line, empty = done.stderr.split("\n")
    assert empty == "" and line.startswith("serving_client: ")
    return line.removeprefix("serving_client: ")


def test_the_server_has_nothing_of_ours(server):
    roots = {name.partition(".")[0] for name in server.imported}
    assert "tensorflow" in roots and not {"keras", "tf_keras", "fer_tf"} & roots


@pytest.mark.parametrize("count", [1, 3, 64])
def test_a_line_a_face(server, model, pictures, count):
    probabilities = exported.expected(model)[:count]
    lines = [
        f"{path}: {FER2013[row.argmax()]} {row.max():.1%}"
        for path, row in zip(pictures, probabilities, strict=False)
    ]
    for way in ways(server):
        done = client(*pictures[:count], *way)
        assert done.stderr == ""
        assert done.stdout.splitlines() == lines


def test_many_requests_for_many_faces(server, pictures):
    for way in ways(server):
        whole = client(*pictures[:8], *way)
        assert whole.returncode == 0
        assert client(*pictures[:8], *way, "--batch", 3).stdout == whole.stdout


def test_names_the_file_that_the_server_refuses(server, pictures, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(file(FACES[0], ".jpg")[:300])
    for way in ways(server):
        said = refused(*pictures[:2], bad, *way)
        assert said == f"{bad}: a broken or truncated file: expected a whole JPEG or PNG"
        done = client(*pictures[:3], bad, *way, "--batch", 3)
        assert done.returncode == 2 and len(done.stdout.splitlines()) == 3
        assert str(bad) in done.stderr


def test_says_what_is_wrong_in_a_sentence(server, pictures, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{unused.getsockname()[1]}"
        assert closed in refused(pictures[0], "--address", closed)
        assert closed in refused(pictures[0], "--rest", f"http://{closed}")
    for way in ways(server):
        assert "none.png: No such file" in refused(tmp_path / "none.png", *way)
        assert "Servable not found" in refused(pictures[0], *way, "--model", "other")
    refused(pictures[0], "--rest", f"http://127.0.0.1:{server.grpc}")
    refused(pictures[0], "--address", f"127.0.0.1:{server.rest}")
    assert client().returncode == 2
    assert "--batch is 0" in client(pictures[0], "--batch", 0).stderr


def test_client_needs_neither_tensorflow_nor_us(server, pictures):
    code = (
        "import runpy, sys\n"
        "for name in ('tensorflow', 'tensorflow_serving', 'keras', 'numpy', 'fer_tf'):\n"
        "    sys.modules[name] = None\n"
        "if '--rest' in sys.argv: sys.modules['grpc'] = sys.modules['google'] = None\n"
        "sys.argv[0] = sys.argv.pop(1)\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    for way in ways(server):
        command = [sys.executable, "-I", "-c", code, str(CLIENT), str(pictures[0]), *way]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout == client(pictures[0], *way).stdout


def test_the_published_stubs_agree(server, model):
    """The client describes its messages itself: these are the real ones, for every signature."""
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

        def predict(signature, **inputs):
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = "fer", signature
            for name, value in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            outputs = stub.Predict(request).outputs
            return {name: tf.make_ndarray(value) for name, value in outputs.items()}

        expected = exported.expected(model)
        for count in (1, 3, 64):
            files = [file(face) for face in FACES[:count]]
            found = predict("serving_default", image_bytes=files)
            np.testing.assert_allclose(found["probabilities"], expected[:count], atol=1e-4)
            assert found["class_index"].tolist() == expected[:count].argmax(axis=1).tolist()
            pixels = predict("predict_pixels", pixels=FACES[:count, ..., None])
            np.testing.assert_allclose(pixels["probabilities"], expected[:count], atol=1e-4)
            assert predict("embed", image_bytes=files)["features"].shape == (count, 16)
        with pytest.raises(grpc.RpcError) as raised:
            predict("serving_default", image_bytes=[file(FACES[0]), b"?"])
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "image_bytes[1]: neither JPEG nor PNG" in raised.value.details()


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_the_shell_line_of_the_page_takes_a_large_picture(server, tmp_path):
    """A word of a command may have 131,072 bytes at most."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 400), np.uint8)
    (tmp_path / "face.jpg").write_bytes(file(noise))
    assert (tmp_path / "face.jpg").stat().st_size * 4 / 3 > 131_072
    page = (Path(__file__).parents[2] / "docs/serving.md").read_text(encoding="utf-8")
    (line,) = (line for line in page.splitlines() if "| curl" in line)
    line = line.replace("localhost:8501", f"127.0.0.1:{server.rest}")
    line = line.replace("curl", "curl --silent --noproxy '*'")
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True)
    (answer,) = json.loads(done.stdout)["predictions"]
    assert answer["label"] in FER2013


def test_rest_for_every_signature(server, model):
    """In the server's JSON: rows of named outputs, without the name where there is but one."""

    def predict(signature, instances):
        body = json.dumps({"signature_name": signature, "instances": instances}).encode()
        url = f"http://127.0.0.1:{server.rest}/v1/models/fer:predict"
        with urllib.request.urlopen(url, body, timeout=60) as response:
            return json.load(response)["predictions"]

    files = [{"b64": base64.b64encode(file(face)).decode()} for face in FACES[:3]]
    answers = predict("serving_default", files)
    expected = exported.expected(model)[:3]
    for found in (answers, predict("predict_pixels", FACES[:3, ..., None].tolist())):
        probabilities = [row["probabilities"] for row in found]
        np.testing.assert_allclose(probabilities, expected, atol=1e-4)
        assert [row["class_index"] for row in found] == expected.argmax(axis=1).tolist()
        assert [FER2013[row["class_index"]] for row in found] == [row["label"] for row in found]
    assert np.shape(predict("embed", files)) == (3, 16)


def test_clients_at_the_same_time(server, model):
    """One client's broken picture is no other client's error, and nobody gets another's answer."""
    expected = exported.expected(model)
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

        def ask(place):
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "fer"
            data = b"?" if place % 5 == 4 else file(FACES[place])
            request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([data]))
            try:
                return tf.make_ndarray(stub.Predict(request).outputs["probabilities"])[0]
            except grpc.RpcError as error:
                return error.details()

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(40)))
    for place, answer in enumerate(answers):
        if place % 5 == 4:
            assert "image_bytes[0]: neither JPEG nor PNG" in answer
        else:
            np.testing.assert_allclose(answer, expected[place], atol=1e-4)


def test_reads_both_fields_of_a_tensor():
    values = [0.25, 0.5, 0.125]
    packed = tf.make_tensor_proto(np.float32(values))
    assert packed.tensor_content
    kind = serving_client.messages(serving_client.MESSAGES)["Tensor"]
    tensor = kind.FromString(packed.SerializeToString())
    assert serving_client.floats(tensor) == values
    assert serving_client.floats(kind(float_val=values)) == values


def test_health_check(server):
    service = yaml.safe_load((server.directory / "compose.yaml").read_text())["services"]["fer"]
    _, *command = service["healthcheck"]["test"]

    def healthy(port: int, model: str = "fer") -> bool:
        words = [
            w.replace("8501", str(port)).replace("models/fer", f"models/{model}") for w in command
        ]
        return subprocess.run(words, capture_output=True, timeout=20).returncode == 0

    assert healthy(server.rest)
    assert not healthy(server.rest, "other")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert not healthy(unused.getsockname()[1])
