"""Pictures, shards and scores in an object store: moto's server stands for S3."""

from __future__ import annotations

import pytest
from archive import blank, brief, job_for, photo, score_all, tar_of
from pyarrow import fs, parquet

from fer_tf import FerError
from fer_tf.scoring import places, unpacking
from fer_tf.scoring.part_scores import PartTally
from fer_tf.scoring.places import Unreachable, place_of


@pytest.fixture
def bucket(monkeypatch):
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    places._file_system.cache_clear()
    files = fs.S3FileSystem(
        endpoint_override=environment["AWS_ENDPOINT_URL"], allow_bucket_creation=True
    )
    files.create_dir("bucket")
    for name, data in {
        "photos/a b?.jpg": photo(),
        "photos/more/b.png": blank(),
        "photos/more/c.tar": tar_of({"1.jpg": photo(turned=True)}),
        "other.jpg": b"x",
    }.items():
        with files.open_output_stream(f"bucket/{name}") as stream:
            stream.write(data)
    yield server
    places._file_system.cache_clear()
    server.stop()


def test_scores_go_from_bucket_to_bucket(bucket):
    job = job_for("s3://bucket/photos", "s3://bucket/scores", part=1)
    assert score_all(job) == PartTally(3, 2, 1, 0)
    assert score_all(job) == PartTally()
    out = place_of("s3://bucket/scores")
    assert brief(parquet.read_table(out.path, filesystem=out.files), "source", "status") == [
        ("s3://bucket/photos/a b?.jpg", "face"),
        ("s3://bucket/photos/more/b.png", "no face"),
        ("s3://bucket/photos/more/c.tar", "face"),
    ]


def test_a_store_that_is_gone_stops_the_command_and_nothing_is_lost(bucket, monkeypatch):
    monkeypatch.setattr(unpacking, "WAIT_S", 0.0)
    monkeypatch.setattr(unpacking, "TRIES", 1)
    job = job_for("s3://bucket/photos/*.jpg", "s3://bucket/again")
    assert score_all(job).faces == 1
    files = place_of("s3://bucket/photos").files
    files.delete_file("bucket/again/part-0000000.parquet")
    files.delete_file("bucket/photos/a b?.jpg")
    assert score_all(job) == PartTally(1, 0, 0, 1), "a picture that is gone is a row"
    files.delete_file("bucket/again/part-0000000.parquet")

    def refused(place, limit=0):
        raise OSError("AWS Error SLOW_DOWN")

    monkeypatch.setattr(unpacking, "read_whole", refused)
    with pytest.raises(Unreachable, match=r"SLOW_DOWN.*nothing of part 0 could be read"):
        score_all(job)
    with pytest.raises(FerError, match="no-such-bucket"):
        score_all(job_for("s3://bucket/photos", "s3://no-such-bucket/scores"))
