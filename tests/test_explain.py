"""`python -m fer_tf.explain`: pictures in, four panels a face out."""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from fer_tf import cli
from fer_tf.errors import FerError
from fer_tf.explain import Explain, explain, main

HOPPER = Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")
QUICK = ["--model", "nano", "--method", "gradient"]


def test_each_face_gets_a_picture(astronaut, tmp_path, capsys):
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(astronaut).save(photos / "one.png")
    Image.fromarray(np.hstack([astronaut, astronaut[:, ::-1]])).save(photos / "two.jpg")
    Image.fromarray(np.full((64, 64), 90, np.uint8)).save(photos / "zero.png")
    main([str(photos), "--out", str(tmp_path / "out"), "--method", "gradcam-fused"])
    lines = capsys.readouterr().out.splitlines()
    names = ["one-explained.png", "two-explained-face1.png", "two-explained-face2.png"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    for line, name in zip(lines, names, strict=False):
        assert line.startswith(f"{tmp_path / 'out' / name}: Happy ")
        assert Image.open(tmp_path / "out" / name).size[0] > 1400
    assert lines[3:] == [f"{photos / 'zero.png'}: no face was found"]


def test_an_answer_that_is_not_certain_enough_says_so(astronaut, tmp_path, capsys):
    Image.fromarray(astronaut).save(tmp_path / "one.png")
    out = ["--out", str(tmp_path / "out")]
    main([str(tmp_path / "one.png"), "--min-certainty", "0.999", *out, *QUICK])
    assert capsys.readouterr().out.strip().endswith("%, unsure")


@pytest.mark.parametrize("found", [[], ["gpu:0"]])
def test_device_gpu_needs_one(tmp_path, monkeypatch, found):
    import keras

    monkeypatch.setattr(keras.distribution, "list_devices", lambda: found)
    Image.fromarray(np.full((64, 64), 90, np.uint8)).save(tmp_path / "a.png")
    argv = [str(tmp_path), "--device", "gpu", "--out", str(tmp_path / "out"), *QUICK]
    if found:
        main(argv)
    else:
        with pytest.raises(FerError, match=r"--device gpu: .* finds no GPU"):
            main(argv)


def test_tells_how_far_it_is(tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((64, 64), 90, np.uint8)).save(tmp_path / name)
    steps = []
    args = Explain(pictures=(tmp_path,), model="nano", out=tmp_path / "out")
    list(explain(args, lambda *step: steps.append(step)))
    assert steps == [(1, 2), (1, 2)]


def test_own_pictures_are_not_explained_and_any_name_is_written(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fer_tf.explain._analyzer", lambda args: None)
    panels = np.zeros((8, 8, 3), np.uint8)
    monkeypatch.setattr("fer_tf.explain._panels", lambda *_: [("Happy 90%", panels)])
    name = os.fsdecode(b"caf\xe9")
    Image.new("L", (64, 64)).save(f"{name}.png")
    for _ in range(2):
        main(["."])
        assert os.listdir("explained") == [f"{name}-explained.png"]
        told = repr(os.path.join("explained", f"{name}-explained.png"))
        assert capfd.readouterr().out == f"{told}: Happy 90%\n"


def test_a_given_emotion_of_a_cropped_face(astronaut, tmp_path, capsys):
    Image.fromarray(astronaut[80:170, 180:270]).save(tmp_path / "face.png")
    flags = ["--cropped", "--of", "sad", "--out", str(tmp_path / "out"), *QUICK]
    main([str(tmp_path / "face.png"), *flags])
    assert ": Sad " in capsys.readouterr().out
    assert (tmp_path / "out" / "face-explained.png").is_file()


def test_bad_pictures_are_named_and_the_others_done(tmp_path, capsys):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 nothing")
    out = tmp_path / "out"
    args = Explain((broken, HOPPER), model="nano", method="gradient", out=out)
    lines = []
    with pytest.raises(FerError, match="1 of 2 pictures could not be explained"):
        lines.extend(explain(args))
        raise AssertionError
    assert (out / "grace_hopper-explained.png").is_file()
    assert str(broken) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([], "nothing to explain"),
        (["."], ".: no pictures in there, expected JPEG, PNG or the like"),
        (["missing.jpg", "--model", "missing.keras"], "missing.keras"),
        (["missing.jpg", "--size", "big"], "--size is 'big'"),
        (["missing.jpg", "--of", "valence"], "the network does not answer 'valence'"),
        (["missing.jpg", "--detector", "hare.onnx"], "hare.onnx"),
    ],
)
def test_bad_flags_are_one_sentence(argv, told, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        cli.run(lambda: main(argv))
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert told in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir())
