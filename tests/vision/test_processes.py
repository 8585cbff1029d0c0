"""One analyzer in children of each kind, after the parent has answered, and in threads."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

import fer_tf
from fer_tf.errors import FerError
from fer_tf.vision.recognizer import open_recognizer

PHOTO = Path(fer_tf.__file__).parent / "demo_files" / "astronaut.jpg"
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120


def photos():
    """A picture of one face and one of two."""
    one = np.asarray(Image.open(PHOTO).convert("RGB"))
    return [one, np.concatenate([one, one], axis=1)]


def answer(analyzer, picture):
    return [face.probabilities for face in analyzer.analyze(picture).faces]


_ANALYZER: list[fer_tf.FaceAnalyzer] = []  # what a forked child finds, without pickling it


def in_child(picture):
    if not _ANALYZER:
        _ANALYZER.append(fer_tf.FaceAnalyzer())
    return answer(_ANALYZER[0], picture)


def asked(port):
    """What a worker answers: the number of faces, and which process it is."""
    with urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE_S) as answer:
        return json.load(answer)


def run(code, *arguments):
    """Run code in a process of its own: what other tests have started can't be forked."""
    paths = os.pathsep.join(map(str, (ROOT, Path(__file__).parent)))
    done = subprocess.run(
        [sys.executable, "-c", SETUP + code, *arguments],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


SETUP = """
import multiprocessing, os, signal, sys, threading
import numpy as np
import test_processes as t
pictures = t.photos()
"""

POOL = f"""
if __name__ == "__main__":
    own = [t.in_child(picture) for picture in pictures]
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        answers = pool.map_async(t.in_child, pictures).get({PATIENCE_S})
    assert [len(faces) for faces in answers] == [1, 2]
    np.testing.assert_allclose(np.concatenate(answers), np.concatenate(own), atol=1e-5)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_answer_after_the_parent_did(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    run(POOL, method)


# As a server does that loads everything and then forks its workers (gunicorn --preload); here the
# parent goes on answering meanwhile, so that its locks are held when a child is made.
PRELOADED = f"""
own = [t.in_child(picture) for picture in pictures]
stopped = threading.Event()
def go_on():
    while not stopped.is_set():
        t.in_child(pictures[1])
parent = threading.Thread(target=go_on)
parent.start()
codes = []
for _ in range(3):
    child = os.fork()
    if not child:
        signal.alarm({PATIENCE_S})
        counts = []
        threads = [
            threading.Thread(target=lambda picture: counts.append(len(t.in_child(picture))),
                             args=(picture,))
            for picture in pictures * 2
        ]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        sys.exit(sorted(counts) != [1, 1, 2, 2])
    codes.append(os.waitpid(child, 0)[1])
stopped.set()
parent.join()
assert codes == [0, 0, 0], codes
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_workers_of_a_server_that_loaded_first_answer():
    run(PRELOADED)


# What ends as a server's worker does, by sys.exit, and not at once as multiprocessing's children.
ONNX = f"""
from fer_tf.vision.recognizer import open_recognizer
from test_recognizer import onnx_file
import pathlib
recognizer = open_recognizer(onnx_file(pathlib.Path(sys.argv[1], "a.onnx")), size=(8, 8))
faces = np.full((2, 8, 8), 9, np.uint8)
own = recognizer(faces)
codes = []
for _ in range(3):
    child = os.fork()
    if not child:
        signal.alarm({PATIENCE_S})
        sys.exit(7 if np.allclose(recognizer(faces), own) else 1)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
assert codes == [7, 7, 7], codes
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_an_onnx_network_answers_in_forked_children_and_they_end(tmp_path):
    pytest.importorskip("onnxruntime")
    run(ONNX, str(tmp_path))


SERVED = """
import json, os
import test_processes as t
def app(environ, start_response):
    faces = t.in_child(t.photos()[1])
    start_response("200 OK", [])
    return [json.dumps([len(faces), os.getpid()]).encode()]
assert len(t.in_child(t.photos()[1])) == 2  # before the workers are forked
"""


def test_workers_of_gunicorn_answer_after_the_preloaded_app_did(tmp_path):
    pytest.importorskip("gunicorn")
    (tmp_path / "served.py").write_text(SERVED)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = os.pathsep.join(map(str, (tmp_path, ROOT, Path(__file__).parent)))
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers=2", "--timeout=90"]
    server = subprocess.Popen(
        [*command, f"--bind=127.0.0.1:{port}", "served:app"],
        env={**os.environ, "PYTHONPATH": paths},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        workers = (line for line in server.stderr if "Booting worker" in line)
        assert next(workers, "") and next(workers, ""), "gunicorn started no two workers"
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(asked, [port] * 8))
        assert [faces for faces, _ in answers] == [2] * 8
        assert server.pid not in {worker for _, worker in answers}
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


def test_threads_and_asyncio_answer():
    analyzer, pictures = fer_tf.FaceAnalyzer(), photos()
    own = [answer(analyzer, picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        threads = list(pool.map(lambda picture: answer(analyzer, picture), pictures * 4))

    async def gather():
        tasks = [asyncio.to_thread(answer, analyzer, picture) for picture in pictures]
        return await asyncio.gather(*tasks)

    for found, expected in zip([*threads, *asyncio.run(gather())], own * 5, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_can_not_live_on_in_a_forked_child_says_so():
    recognizer = open_recognizer(threads=1)
    recognizer._forkable = False
    recognizer._forget()
    with pytest.raises(FerError, match="expected the start method spawn"):
        recognizer(np.zeros((1, *recognizer.size), np.uint8))
