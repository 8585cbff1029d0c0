"""FER2013 as a `tensorflow_datasets` builder; importing this module registers it as "fer2013".

python -m fer_tf.data.tfds_fer2013 fer2013.csv         prepares it in TFDS' folder
python -m fer_tf.train scratch --data tfds:fer2013     trains on it
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
import tyro

from fer_tf import cli
from fer_tf.data.faces import SPLITS
from fer_tf.data.readers import fer2013
from fer_tf.errors import FerError
from fer_tf.tasks import FER2013


class Fer2013(tfds.core.GeneratorBasedBuilder):
    """FER2013: 48x48 grey faces of seven expressions, in the rows' order.

    Splits are train, validation (PublicTest) and test (PrivateTest). Features: "image", uint8
    [48, 48, 1], and "label".
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS: ClassVar[str] = (
        "Put fer2013.csv of Kaggle's facial expression recognition challenge into manual_dir."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="FER2013: grey faces of seven expressions.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(48, 48, 1)),
                    "label": tfds.features.ClassLabel(names=list(FER2013)),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://arxiv.org/abs/1307.0414",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[int, dict]]]:
        faces = fer2013.read(str(dl_manager.manual_dir / "fer2013.csv"))
        names = ("train", "validation", "test")
        rows = {name: np.flatnonzero(faces.split == i) for i, name in enumerate(names)}
        images, labels = np.asarray(faces.images), faces.labels
        return {
            name: self._generate_examples(images[each], labels[each])
            for name, each in rows.items()
            if len(each)
        }

    def _generate_examples(
        self, images: np.ndarray, labels: np.ndarray
    ) -> Iterator[tuple[int, dict]]:
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield row, {"image": image[..., None], "label": int(label)}


@dataclass(frozen=True)
class Args:
    """Prepare FER2013 for tensorflow_datasets from its CSV."""

    csv: Annotated[Path, tyro.conf.Positional]
    """fer2013.csv, plain."""
    data_dir: Path | None = None
    """TFDS' folder of data sets; $TFDS_DATA_DIR or its own default if not given."""


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m fer_tf.data.tfds_fer2013`.

    Raises:
        FerError: the CSV is malformed, or the folder can't be written.
    """
    args = cli.parse(Args, argv, prog="python -m fer_tf.data.tfds_fer2013")
    builder = Fer2013(data_dir=args.data_dir)
    if builder.info.splits:
        print(f"{builder.data_path}: was prepared before, and stays as it is")
        return
    fer2013.read(str(args.csv))
    with tempfile.TemporaryDirectory() as folder:
        # The builder takes a file of this name alone.
        try:
            os.symlink(args.csv.resolve(), Path(folder) / fer2013.FILES[0])
        except OSError:
            shutil.copy(args.csv, Path(folder) / fer2013.FILES[0])
        config = tfds.download.DownloadConfig(manual_dir=folder, try_download_gcs=False)
        try:
            builder.download_and_prepare(download_config=config)
        except OSError as error:
            raise FerError(f"{builder.data_path}: can't be written ({error})") from error
    print(f"{builder.data_path}: {', '.join(SPLITS)} as {', '.join(builder.info.splits)}")


if __name__ == "__main__":
    cli.run(main)
