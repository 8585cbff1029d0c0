"""A part becomes a file that has every input once, whatever is in it."""

from __future__ import annotations

import csv
import zipfile

import cv2
import numpy as np
import pyarrow as pa
import pytest
from archive import (
    DAMAGED,
    blank,
    brief,
    job_for,
    listed,
    photo,
    score_all,
    scores,
    tar_of,
    write_archive,
)
from pyarrow import parquet

from fer_tf import FaceAnalyzer, FerError, archives
from fer_tf.scoring import isolated_scores, part_scores, places, unpacking
from fer_tf.scoring.input_lists import Entry
from fer_tf.scoring.isolated_scores import isolated
from fer_tf.scoring.part_scores import PartTally, give_up, score_part
from fer_tf.scoring.picture_tables import in_table, pictures_in
from fer_tf.scoring.places import place_of
from fer_tf.scoring.score_table import schema_of
from fer_tf.tasks import TASKS


def test_a_folder_has_every_input_once(tmp_path):
    source, out = write_archive(tmp_path / "photos"), tmp_path / "out"
    job = job_for(source, out, part=2)
    assert score_all(job) == PartTally(inputs=5, faces=2, empty=1, failed=2)
    table = scores(out)
    assert [(part, number, name.removeprefix(f"{source}/"), status) for
            part, number, name, status in brief(table, "part", "input", "source", "status")] == [
        (0, 0, "a.jpg", "face"),
        (0, 1, "b.png", "no face"),
        (1, 0, "more/c.jpg", "failed"),
        (1, 1, "more/d.jpg", "face"),
        (2, 0, "z.webp", "failed"),
    ]  # fmt: skip
    reasons = table.column("reason").to_pylist()
    assert reasons[:2] == [None, "no face was found"]
    assert reasons[2].startswith(f"{source}/more/c.jpg: a damaged or cut-off JPEG")
    assert reasons[4] == f"{source}/z.webp: an empty file, expected a picture"
    assert score_all(job) == PartTally(), "what is there is not scored again"


def test_a_row_is_what_the_analyzer_answers(tmp_path):
    source = write_archive(tmp_path / "photos")
    score_all(job_for(source, tmp_path / "out"))
    (row,) = FaceAnalyzer().analyze(source / "a.jpg").to_dicts()
    found = scores(tmp_path / "out").to_pylist()[0]
    for name in ("left", "top", "width", "height", "score", "certainty", "probability_happy"):
        assert found[name] == pytest.approx(row[name], rel=1e-6)
    assert (found["label"], found["face"], found["task"]) == (row["label"], 0, "fer2013")
    assert len(found["model"]) == 64 and found["frame"] is None


def test_the_schema_stays():
    """Users' queries name these columns; new ones come last."""
    schema = schema_of(TASKS["affectnet7"])
    assert schema.names[:11] == [
        "part", "input", "source", "member", "row", "status", "reason", "frame", "seconds",
        "track", "face",
    ]  # fmt: skip
    assert schema.names[11:18] == ["left", "top", "width", "height", "score", "label", "certainty"]
    assert schema.names[18] == "probability_neutral"
    assert schema.names[25:] == ["value_valence", "value_arousal", "task", "model"]
    assert schema.field("input").type == pa.int32() and schema.field("left").type == pa.float32()


def test_two_workers_write_the_same_bytes(tmp_path, monkeypatch):
    job = job_for(write_archive(tmp_path / "photos"), tmp_path / "out")
    score_all(job)
    (file,) = tmp_path.glob("out/part-*.parquet")
    before = file.read_bytes()
    score_part(job, 0)
    monkeypatch.setattr(part_scores, "_ROWS", 2)  # which only says what is held in memory
    with isolated(job) as answer:
        score_part(job, 0, answer=answer)
        assert file.read_bytes() == before, "isolated inputs are answered alike"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["_inputs", file.name]


def test_a_picture_that_ends_its_process_is_a_row(tmp_path, monkeypatch):
    monkeypatch.setattr(isolated_scores, "PICTURE_S", 0.001)
    job = job_for(write_archive(tmp_path / "photos"), tmp_path / "out")
    listed(job)
    with isolated(job) as answer:
        tally = score_part(job, 0, answer=answer)
    assert (tally.inputs, tally.failed) == (5, 5)
    assert "takes longer than the 0.001 s" in scores(tmp_path / "out").column("reason")[0].as_py()


def test_a_file_that_is_too_large_is_a_row(tmp_path, monkeypatch):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(photo())
    (folder / "b.tar").write_bytes(tar_of({"1.jpg": photo(), "2.png": blank()}))
    limit = len(photo()) - 1
    monkeypatch.setattr(unpacking, "READ_LIMIT", limit)
    monkeypatch.setattr(unpacking, "read_whole", lambda place: places.read_whole(place, limit))
    assert score_all(job_for(folder, tmp_path / "out")) == PartTally(3, 0, 1, 2)
    reasons = scores(tmp_path / "out").column("reason").to_pylist()
    assert "photos/a.jpg: a file of 0 MB, expected at most 0" in reasons[0]
    assert "b.tar: 1.jpg: a file of 0 MB, expected at most 0" in reasons[1]


def test_what_is_given_up_is_told_for_each_input(tmp_path):
    job = job_for(write_archive(tmp_path / "photos"), tmp_path / "out")
    listed(job)
    assert give_up(job, 0, "why").failed == 5
    assert set(scores(tmp_path / "out").column("reason").to_pylist()) == {"why"}


def test_a_batch_that_fails_is_answered_one_by_one(tmp_path, monkeypatch):
    batches = []
    analyze = FaceAnalyzer.analyze_batch

    def fail(self, images):
        batches.append(len(images))
        if len(images) > 1 or images[0].name.endswith("b.png"):
            raise cv2.error("out of luck")
        return analyze(self, images)

    monkeypatch.setattr(FaceAnalyzer, "analyze_batch", fail)
    tally = score_all(job_for(write_archive(tmp_path / "photos"), tmp_path / "out"))
    assert tally == PartTally(inputs=5, faces=2, empty=0, failed=3)
    assert batches == [5, 1, 1, 1, 1, 1]
    assert scores(tmp_path / "out").column("reason")[1].as_py().endswith("b.png: out of luck")


def test_shards_give_their_pictures(tmp_path):
    folder, out = tmp_path / "shards", tmp_path / "out"
    folder.mkdir()
    whole = tar_of({"1.jpg": photo(), "1.json": b"{}", "2.png": blank(), "._3.jpg": b"x"})
    (folder / "0.tar").write_bytes(whole)
    (folder / "1.tar").write_bytes(whole[: 512 + len(photo()) // 2])
    (folder / "2.tar").write_bytes(tar_of({"1.json": b"{}"}))
    assert score_all(job_for(folder / "*.tar", out)) == PartTally(4, 1, 1, 2)
    table = scores(out)
    assert brief(table, "part", "input", "member", "status") == [
        (0, 0, "1.jpg", "face"),
        (0, 1, "2.png", "no face"),
        (1, 0, None, "failed"),
        (2, 0, None, "failed"),
    ]
    assert table.column("reason")[3].as_py().endswith("2.tar: holds no picture, expected some")


def test_a_zip_gives_its_pictures_and_a_damaged_one_leaves_the_others(tmp_path):
    folder, out = tmp_path / "zips", tmp_path / "out"
    folder.mkdir()
    members = {"a/1.jpg": photo(), "2.png": blank(), "3.txt": b"", "__MACOSX/a/._1.jpg": b"x"}
    with zipfile.ZipFile(folder / "0.zip", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    whole = (folder / "0.zip").read_bytes()
    middle = whole.index(photo()) + len(photo()) // 2
    damaged = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    (folder / "1.ZIP").write_bytes(damaged)
    (folder / "2.zip").write_bytes(whole[:middle])
    assert score_all(job_for(folder, out)) == PartTally(5, 1, 2, 2)
    table = scores(out)
    assert brief(table, "part", "member", "status") == [
        (0, "a/1.jpg", "face"),
        (0, "2.png", "no face"),
        (1, "a/1.jpg", "failed"),
        (1, "2.png", "no face"),
        (2, None, "failed"),
    ]
    reasons = table.column("reason").to_pylist()
    assert "1.ZIP: a/1.jpg: Bad CRC-32" in reasons[2]
    assert "2.zip: File is not a zip file" in reasons[4]


def test_members_of_a_zip_that_are_encrypted_or_too_large_are_rows(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("1.jpg", photo())
        archive.writestr("2.png", blank())
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1  # the second member's flag in the directory
    data[data.rindex(b"PK\x03\x04") + 6] |= 1  # and before its content
    (tmp_path / "a.zip").write_bytes(data)
    monkeypatch.setattr(unpacking, "READ_LIMIT", len(photo()) - 1)
    assert score_all(job_for(tmp_path / "a.zip", tmp_path / "out")) == PartTally(2, 0, 0, 2)
    reasons = scores(tmp_path / "out").column("reason").to_pylist()
    assert "a.zip: 1.jpg: a file of 0 MB, expected at most 0" in reasons[0]
    assert "a.zip: 2.png" in reasons[1] and "encrypted" in reasons[1]


def test_a_zip_holds_pictures_that_are_larger_than_its_directory_may_be(tmp_path):
    large = bytes(archives.DIRECTORY_LIMIT + 1)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", large)
        archive.writestr("b.png", b"x")
    found = [*unpacking.unpacked([Entry("shard", f"{tmp_path}/a.zip")], None)]
    assert [each.data for each in found] == [large, b"x"]


def test_tables_name_pictures_or_hold_them(tmp_path):
    photos = write_archive(tmp_path / "photos")
    with open(tmp_path / "list.csv", "w", newline="") as file:
        rows = [("path", "who"), ("photos/a.jpg", "x"), (photos / "b.png", "y"), ("", "z")]
        csv.writer(file).writerows([*rows, ("no-such.jpg", "w")])
    assert score_all(job_for(tmp_path / "list.csv", tmp_path / "named")).failed == 2
    table = scores(tmp_path / "named")
    assert brief(table, "row", "status") == [
        (0, "face"),
        (1, "no face"),
        (2, "failed"),
        (3, "failed"),
    ]
    assert table.column("source")[0].as_py() == str(photos / "a.jpg")

    images = [{"bytes": data, "path": "p"} for data in (blank(), photo(), DAMAGED, None)]
    parquet.write_table(pa.table({"image": images}), tmp_path / "t.parquet", row_group_size=2)
    assert score_all(job_for(tmp_path / "t.parquet", tmp_path / "held")) == PartTally(4, 1, 1, 2)
    assert brief(scores(tmp_path / "held"), "part", "input", "row", "status") == [
        (0, 0, 0, "no face"),
        (0, 1, 1, "face"),
        (1, 0, 2, "failed"),
        (1, 1, 3, "failed"),
    ]


@pytest.mark.parametrize("texts", [pa.large_string(), pa.string_view()])
@pytest.mark.parametrize("pictures", [pa.large_binary(), pa.binary_view()])
def test_tables_of_any_kind_of_text_and_bytes(tmp_path, texts, pictures):
    paths = pa.table({"path": pa.array(["a/b.jpg"], texts)})
    parquet.write_table(paths, tmp_path / "paths.parquet")
    assert [*in_table(place_of(f"{tmp_path}/paths.parquet"), None)] == [f"{tmp_path}/a/b.jpg"]
    held = place_of(f"{tmp_path}/held.parquet")
    parquet.write_table(pa.table({"image": pa.array([b"x", None], pictures)}), held.path)
    assert [*in_table(held, None)] == [0]
    assert [*pictures_in(held, 0, None)] == [(0, b"x"), (1, None)]


def test_a_table_without_rows_is_a_part_without_rows(tmp_path):
    parquet.write_table(pa.table({"bytes": pa.array([], pa.binary())}), tmp_path / "t.parquet")
    job = job_for(tmp_path / "t.parquet", tmp_path / "out")
    assert score_all(job) == PartTally() and scores(tmp_path / "out").num_rows == 0
    assert not list(job.missing(listed(job)))


def test_a_video_gives_rows_of_its_frames(tmp_path):
    image = cv2.imdecode(np.frombuffer(photo(), np.uint8), cv2.IMREAD_COLOR)
    for name, frame in (("1.avi", image), ("2.avi", np.zeros_like(image))):
        writer = cv2.VideoWriter(
            str(tmp_path / name), cv2.VideoWriter_fourcc(*"MJPG"), 5, (256, 256)
        )
        for _ in range(10):
            writer.write(frame)
        writer.release()
    (tmp_path / "3.avi").write_bytes(b"no video")
    assert score_all(job_for(tmp_path / "*.avi", tmp_path / "out")) == PartTally(3, 2, 1, 1)
    table = scores(tmp_path / "out")
    assert brief(table, "part", "frame", "track", "face", "status") == [
        (0, 0, 1, 0, "face"),
        (0, 5, 1, 0, "face"),
        (1, None, None, None, "no face"),
        (2, None, None, None, "failed"),
    ]
    assert table.column("seconds")[1].as_py() == pytest.approx(1.0)


def test_an_outage_is_no_property_of_the_pictures(tmp_path, monkeypatch):
    """Were it written down as a reason, an hour without a network would be a lost archive."""
    source = write_archive(tmp_path / "photos")
    job = job_for(source, tmp_path / "out")

    def fails(place, limit=0):
        raise OSError("no route to host")

    monkeypatch.setattr(unpacking, "read_whole", fails)
    monkeypatch.setattr(unpacking, "WAIT_S", 0)
    entry = Entry("picture", "memory://bucket/a.jpg")
    monkeypatch.setattr(part_scores.InputList, "read", lambda self, number: [entry, entry])
    with pytest.raises(FerError, match=r"no route to host; nothing of part 0 could be read"):
        score_part(job, 0)
    assert not list((tmp_path / "out").glob("part-*"))


def test_a_disk_that_is_not_mounted_is_no_property_of_the_pictures(tmp_path):
    source = write_archive(tmp_path / "photos")
    job = job_for(source, tmp_path / "out")
    listed(job)
    source.rename(tmp_path / "elsewhere")
    with pytest.raises(FerError, match=r"photos: is not there any more, or empty"):
        score_part(job, 0)
    source.mkdir()
    with pytest.raises(FerError, match=r"photos: is not there any more, or empty"):
        score_part(job, 0)
    (source / "x").touch()
    assert score_part(job, 0).failed == 5


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    job = job_for(write_archive(tmp_path / "photos"), tmp_path / "out")
    real = open

    def full(path, mode="r", *rest, **more):
        if "part-" in str(path) and "w" in mode:
            raise OSError(28, "No space left on device")
        return real(path, mode, *rest, **more)

    monkeypatch.setattr(places, "open", full, raising=False)
    with pytest.raises(FerError, match=r"part-0000000.parquet: can't be written: No space left"):
        score_all(job)
    monkeypatch.undo()
    assert score_all(job).inputs == 5
