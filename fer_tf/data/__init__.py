"""Files -> `Faces` (arrays) -> batches."""

from __future__ import annotations

from fer_tf.data.faces import Faces


def load_faces(data: str = "synthetic", *, votes: str | None = None) -> Faces:
    """Read a data set, whatever form it has.

    Args:
        data: a fer2013.csv (either header layout; plain or in .gz, .zip, .tar.gz), a folder of
            images, or "synthetic" for drawn faces.
        votes: fer2013new.csv, the FERPlus votes to join by row.

    Raises:
        FerError: the input is malformed; the sentence names the file, the row and the reason.
    """
    if data == "synthetic":
        from fer_tf.data.synthetic import draw_dataset

        return draw_dataset()
    from fer_tf.data.readers.fer2013 import read

    return read(data, votes=votes)
