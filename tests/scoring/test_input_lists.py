"""SOURCE is listed once, in one order, and what comes later is added."""

from __future__ import annotations

import os

import pyarrow as pa
import pytest
from archive import job_for, score_all, scores, write_archive
from pyarrow import parquet

from fer_tf import FerError
from fer_tf.scoring import input_lists
from fer_tf.scoring.input_lists import (
    PICTURE,
    SHARD,
    VIDEO,
    Entry,
    InputList,
    divided,
    find_entries,
)
from fer_tf.scoring.places import matching, place_of, walk
from fer_tf.scoring.unpacking import fetched


def names(entries, folder) -> list[str]:
    return [entry.path.removeprefix(f"{folder}/") for entry in entries]


def make(folder, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"x")


def test_a_folder_is_walked_in_the_order_of_its_paths_components(tmp_path):
    make(tmp_path, "b/1.jpg", "b.jpg", "b-c/2.PNG", "a.tar.gz", "b/x.mp4", "b/.h.jpg", "b/t.csv")
    found = list(find_entries(str(tmp_path), None))
    assert names(found, tmp_path) == ["a.tar.gz", "b/1.jpg", "b/x.mp4", "b-c/2.PNG", "b.jpg"]
    assert [entry.kind for entry in found] == [SHARD, PICTURE, VIDEO, PICTURE, PICTURE]
    assert found == sorted(found, key=lambda entry: entry.place)


def test_links_are_followed_and_loops_end(tmp_path):
    make(tmp_path, "a/1.jpg")
    os.symlink(tmp_path, tmp_path / "a" / "up")
    os.symlink(tmp_path / "a" / "1.jpg", tmp_path / "2.jpg")
    assert names(find_entries(str(tmp_path), None), tmp_path) == ["2.jpg", "a/1.jpg"]


def test_what_cannot_be_listed_or_named_is_an_input_that_fails(tmp_path, monkeypatch):
    """Else it would be missing from the table, and nobody would know."""
    make(tmp_path, "a.jpg", "b/1.jpg")
    os.mkfifo(tmp_path / "fifo.jpg")
    with open(os.fsencode(tmp_path) + b"/\xff.jpg", "wb"):
        pass
    scandir = os.scandir

    def refused(path):  # as root would not be
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    found = list(find_entries(str(tmp_path), None))
    assert names(found, tmp_path) == ["\\xff.jpg", "a.jpg", "b/"]
    assert names(find_entries(f"{tmp_path}/**/1.jpg", None), tmp_path) == ["b/"]
    assert fetched(found[0]).trouble.endswith("xff.jpg: no such file, expected a picture")
    assert fetched(found[2]).trouble


def test_globs_match_folders_too(tmp_path):
    make(tmp_path, "a/1.jpg", "a/b/2.jpg", "a/3.png", "x[1].jpg")
    assert names(find_entries(f"{tmp_path}/**/*.jpg", None), tmp_path) == [
        "a/1.jpg", "a/b/2.jpg", "x[1].jpg",
    ]  # fmt: skip
    assert names(find_entries(f"{tmp_path}/a/*.[jp]*g", None), tmp_path) == ["a/1.jpg", "a/3.png"]
    assert names(find_entries(f"{tmp_path}/x[1].jpg", None), tmp_path) == ["x[1].jpg"]
    assert not list(matching(place_of(f"{tmp_path}/*.nothing")))


def test_what_fsspec_reaches_is_listed_and_read(tmp_path):
    """Its file system in memory stands for all that Arrow has none of its own for."""
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe({"/listed/a/1.jpg": b"x", "/listed/2.jpg": b"y"})
    try:
        found = [entry.path for entry in find_entries("memory://listed", None)]
        assert found == ["memory:///listed/2.jpg", "memory:///listed/a/1.jpg"]
        assert [place.name for place in walk(place_of("memory://listed/a"))] == found[1:]
    finally:
        memory.rm("/listed", recursive=True)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("no-such-folder", "is not there, expected a folder, a file or a glob"),
        ("no-such-folder/*.jpg", "is not there, expected a folder, a file or a glob"),
        ("caf\udce9", r"'caf\\udce9': is not UTF-8"),
        ("nope://bucket/x", "expected a path or an address that Arrow or fsspec knows"),
    ],
)
def test_no_such_source_is_one_sentence(source, told):
    with pytest.raises(FerError, match=told):
        list(find_entries(source, None))


def test_a_tables_column_is_found_or_asked_for(tmp_path):
    table = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"who": ["x"], "n": [1], "where": ["a/b.jpg"]}), table)
    with pytest.raises(FerError, match="has columns who, n, where, and not a usual one: expected"):
        list(find_entries(str(table), None))
    with pytest.raises(FerError, match="column 'n' holds int64, expected paths or bytes"):
        list(find_entries(str(table), "n"))
    (entry,) = find_entries(str(table), "where")
    assert entry == Entry(PICTURE, f"{tmp_path}/a/b.jpg", str(table), 0)
    (tmp_path / "de.csv").write_text("\ufeffpath;share\na/b.jpg;0,5\n", encoding="utf-8")
    (entry,) = find_entries(str(tmp_path / "de.csv"), None)
    assert entry.path == f"{tmp_path}/a/b.jpg"
    (tmp_path / "t.csv").write_text("a,b\n1\n")
    with pytest.raises(FerError, match=r"t.csv: can't be read as a table"):
        list(find_entries(str(tmp_path / "t.csv"), "a"))
    (tmp_path / "latin1.csv").write_text("Größe,path\n1,a.jpg\n", encoding="latin-1")
    with pytest.raises(FerError, match=r"latin1.csv: can't be read as a table: 'utf-8' codec"):
        list(find_entries(str(tmp_path / "latin1.csv"), None))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    with pytest.raises(FerError, match=r"bad.parquet: can't be read as a table"):
        list(find_entries(str(tmp_path / "bad.parquet"), None))


def test_parts_hold_pictures_up_to_a_file_of_many():
    kinds = [PICTURE] * 5 + [SHARD, PICTURE, VIDEO]
    parts = list(divided([Entry(kind, str(n)) for n, kind in enumerate(kinds)], 3))
    assert [[int(entry.path) for entry in part] for part in parts] == [
        [0, 1, 2], [3, 4, 5], [6, 7],
    ]  # fmt: skip


def test_what_has_come_since_is_added_and_no_part_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(input_lists, "LIST_PARTS", 2)
    folder, out = tmp_path / "photos", place_of(str(tmp_path / "out"))
    make(folder, "a.jpg", "c/1.jpg", "c/2.jpg", "d.jpg", "e.jpg")
    assert InputList(out).add(find_entries(str(folder), None), 2) == 3
    before = {part: InputList(out).read(part) for part in InputList(out).parts()}
    assert list(before) == [0, 1, 2] and names(before[1], folder) == ["c/2.jpg", "d.jpg"]
    make(folder, "0.jpg", "b.jpg", "c/0.jpg")
    (folder / "d.jpg").unlink()
    assert InputList(out).add(find_entries(str(folder), None), 2) == 2
    make(folder, "c/3.jpg")
    assert InputList(out).add(find_entries(str(folder), None), 2) == 1
    assert InputList(out).add(find_entries(str(folder), None), 2) == 0
    lists = InputList(out)
    assert list(lists.parts()) == [0, 1, 2, 4, 5, 6] and len(lists) == 6
    assert {part: lists.read(part) for part in before} == before
    assert [names(lists.read(part), folder) for part in (4, 5, 6)] == [
        ["0.jpg", "b.jpg"], ["c/0.jpg"], ["c/3.jpg"],
    ]  # fmt: skip


def test_a_listing_that_was_killed_begins_anew(tmp_path):
    """A list counts from the file that names all of it on."""
    folder, out = tmp_path / "photos", place_of(str(tmp_path / "out"))
    make(folder, "a.jpg", "b.jpg")

    def killed():
        yield from find_entries(str(folder), None)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        InputList(out).add(killed(), 1)
    assert not len(InputList(out))
    assert InputList(out).add(find_entries(str(folder), None), 1) == 2


def test_another_command_does_not_mix_its_scores(tmp_path):
    source = write_archive(tmp_path / "photos")
    job = job_for(source, tmp_path / "out")
    score_all(job)
    with pytest.raises(FerError, match=r"holds scores with every 1.0, found 2.0: expected the sam"):
        job_for(source, tmp_path / "out", every=2.0)
    with pytest.raises(FerError, match=r"holds scores with min_certainty 0.0, found 0.9: expect"):
        job_for(source, tmp_path / "out", min_certainty=0.9)
    with pytest.raises(FerError, match=r"holds scores with source "):
        job_for(tmp_path, tmp_path / "out")
    with pytest.raises(FerError, match=r"photos: holds a.jpg, and no scores: expected a folder"):
        job_for(source, source)
    with pytest.raises(FerError, match=r"a.jpg: can't be listed"):
        job_for(source, source / "a.jpg")


def test_a_folder_holds_no_scores_before_something_was_listed(tmp_path):
    job_for(tmp_path / "mistyped", tmp_path / "out")
    job = job_for(write_archive(tmp_path / "photos"), tmp_path / "out")
    assert InputList(job.place).add([], 1) == 0  # as of a folder that was empty then
    assert score_all(job).inputs == 5


def test_a_folder_of_scores_may_be_moved(tmp_path):
    source = write_archive(tmp_path / "photos")
    score_all(job_for(source, tmp_path / "out"))
    (tmp_path / "out").rename(tmp_path / "moved")
    assert score_all(job_for(source, tmp_path / "moved")).inputs == 0
    assert scores(tmp_path / "moved").num_rows == 5
