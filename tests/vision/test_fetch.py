"""A file is fetched whole and checked, or not at all: against a real server on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import socket
import subprocess
import sys
import threading

import pytest

from fer_tf.errors import FerError
from fer_tf.vision.detectors.fetch import RemoteFile, fetch
from fer_tf.vision.detectors.yunet import fetched_yunet

CONTENT = bytes(range(256)) * 900
FILE = RemoteFile("net.onnx", "", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answers = {"/right": CONTENT, "/wrong": CONTENT[::-1], "/endless": CONTENT * 20}
        if self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:1000])
            self.close_connection = True
        elif self.path not in answers:
            self.send_error(404)
        else:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # who has read too much hangs up
                self.wfile.write(answers[self.path])

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_the_right_file(server, tmp_path):
    path = fetch(FILE, tmp_path / "made" / "here", url=f"{server}/right")
    assert path == tmp_path / "made" / "here" / "net.onnx" and path.read_bytes() == CONTENT
    assert [each.name for each in path.parent.iterdir()] == ["net.onnx"]


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("wrong", "found 230400 with"),
        ("cut", "found 1000 with"),
        ("endless", "found 230401 or more with"),
        ("missing", r"can't be fetched \(Not Found\): expected net.onnx"),
    ],
)
def test_another_answer_leaves_nothing(server, tmp_path, what, told):
    with pytest.raises(FerError, match=told) as error:
        fetch(FILE, tmp_path, url=f"{server}/{what}")
    assert f"{server}/{what}: " in str(error.value) and "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_no_network(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    with pytest.raises(FerError, match=r"refused.*can also be given as a file"):
        fetch(FILE, tmp_path, url=url)


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FerError, match="can't be written"):
        fetch(FILE, tmp_path / "file", url=f"{server}/right")


def test_two_processes_at_once(server, tmp_path):
    program = (
        "import sys; from pathlib import Path; "
        "from fer_tf.vision.detectors.fetch import RemoteFile, fetch; "
        f"fetch({FILE!r}, Path(sys.argv[1]), url=sys.argv[2])"
    )
    command = [sys.executable, "-c", program, str(tmp_path), f"{server}/right"]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    assert [each.name for each in tmp_path.iterdir()] == ["net.onnx"]
    assert (tmp_path / "net.onnx").read_bytes() == CONTENT


def test_yunet_is_checked_wherever_it_comes_from(server, tmp_path, monkeypatch):
    monkeypatch.setenv("FER_TF_CACHE", str(tmp_path))
    with pytest.raises(FerError, match="expected 232589 bytes with SHA-256 8f2383e4"):
        fetched_yunet(f"{server}/right")
    assert list(tmp_path.iterdir()) == []
