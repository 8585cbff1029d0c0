"""The batches of several processes are parts of one, and each process reads its own part."""

from __future__ import annotations

import numpy as np

from fer_tf.data.device import EpochBatches
from fer_tf.data.draws import draw_epoch
from fer_tf.data.mapped import MappedImages
from fer_tf.recipes.schema import Augmentation


class Watched(MappedImages):
    """Keeps which rows were read."""

    def __getitem__(self, index):
        self.read = [*getattr(self, "read", []), *index]
        return super().__getitem__(index)


def test_each_process_reads_its_share():
    images = np.arange(12 * 4, dtype=np.uint8).reshape(12, 2, 2)
    epoch = draw_epoch(
        np.eye(12, dtype=np.float32), seed=0, epoch=0, batch_size=6, augmentation=Augmentation()
    )
    whole = EpochBatches(epoch, sizes=[(2, 2)], images=MappedImages(images))
    shares = [Watched(images) for _ in range(2)]
    parts = [
        EpochBatches(epoch, sizes=[(2, 2)], images=each, share=(i, 2))
        for i, each in enumerate(shares)
    ]
    for step in range(2):
        inputs, targets = whole[step]
        halves = [part[step] for part in parts]
        np.testing.assert_array_equal(targets, np.concatenate([half[1] for half in halves]))
        for name, array in inputs.items():
            both = np.concatenate([half[0][name] for half in halves])
            np.testing.assert_array_equal(array, both)
    assert [share.read for share in shares] == [
        epoch.rows[:, :3].ravel().tolist(),
        epoch.rows[:, 3:].ravel().tolist(),
    ]
