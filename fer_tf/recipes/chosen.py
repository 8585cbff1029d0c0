"""The recipes that a user chooses."""

from __future__ import annotations

import dataclasses

from fer_tf.recipes.schema import Augmentation, Reading, Recipe

MILD = Augmentation(
    flip=True,
    rotation=10.0,
    zoom=0.1,
    shift=0.05,
    brightness=0.1,
    contrast=0.2,
    erasing=0.1,
    mix_probability=0.1,
    mixup=0.2,
)
"""What the recipes for FER2013 share, or change a little."""

HARSH = Augmentation(
    flip=True,
    rotation=15.0,
    zoom=0.15,
    shift=0.08,
    brightness=0.15,
    contrast=0.25,
    light=0.15,
    blur=0.15,
    jpeg=0.15,
    erasing=0.25,
    mix_probability=0.5,
    mixup=0.4,
    cutmix=1.0,
)
"""For hundreds of passes over the faces, as they come from cameras, too."""

LONG_TAUGHT = Recipe(
    votes="fer2013new.csv",
    vote_answer=0.5,
    clean=True,
    passes=10,
    batch_size=256,
    optimizer="sgd",
    learning_rate=0.1,
    weight_decay=5e-4,
    warmup_epochs=0.5,
    ema=0.998,
    keep="last",
    label_smoothing=0.1,
    augmentation=HARSH,
)
"""What the two teachers share that a GPU trains in minutes."""

DRAWN = Recipe(
    name="drawn",
    precision="float32",
    drop_path=0.0,
    stages=((48, 12),),
    batch_size=64,
    learning_rate=1e-3,
    weight_decay=0.02,
    clip_norm=1.0,
    warmup_epochs=1.0,
    ema=0.99,
    label_smoothing=0.05,
    augmentation=Augmentation(flip=True, rotation=5.0, shift=0.03),
    expected_accuracy=0.95,
)
"""What the two recipes for drawn faces share."""

CHOSEN: dict[str, Recipe] = {
    # From random weights, in little more than an hour on two CPU cores. Accuracy on PublicTest; the
    # last stage, which comes at too low a learning rate, did not add to it
    # (results/scratch/history.csv).
    "scratch": Recipe(
        name="scratch",
        drop_path=0.05,
        stages=((64, 18), (96, 5)),
        batch_size=128,
        learning_rate=1.5e-3,
        weight_decay=0.05,
        clip_norm=1.0,
        warmup_epochs=1.0,
        ema=0.995,
        label_smoothing=0.1,
        augmentation=MILD,
        expected_accuracy=0.608,
    ),
    # The network that ships goes on with faces and classes of one's own: some hundreds are enough.
    "fine_tune": Recipe(
        name="fine_tune",
        weights="shipped",
        drop_path=0.1,
        stages=((96, 10),),
        batch_size=32,
        learning_rate=3e-4,
        clip_norm=1.0,
        warmup_epochs=0.5,
        ema=0.99,
        label_smoothing=0.1,
        augmentation=MILD,
    ),
    # The campaign of scripts/train_on_gpu.sh: two teachers of different kinds from random weights.
    "vgg_teacher": dataclasses.replace(
        LONG_TAUGHT,
        name="vgg_teacher",
        model="vgg_pooled",
        stages=((48, 14),),
        expected_accuracy=0.7055,
    ),
    "resnet_teacher": dataclasses.replace(
        LONG_TAUGHT,
        name="resnet_teacher",
        model="resnet18",
        stages=((48, 13),),
        expected_accuracy=0.6943,
    ),
    # Their student, which goes on from `broadest`, and ships. Accuracy at 96 px.
    "pupil": dataclasses.replace(
        LONG_TAUGHT,
        name="pupil",
        model="mit_b0_fusion",
        weights="runs/broadest/best.keras",
        teachers=("runs/vgg_teacher", "runs/resnet_teacher"),
        distillation=0.85,
        stages=((128, 16),),
        scales=(0.5, 0.75, 1.0),
        passes=5,
        drop_path=0.1,
        optimizer="adamw",
        learning_rate=1e-3,
        weight_decay=0.05,
        clip_norm=1.0,
        label_smoothing=0.0,
        vote_answer=0.2,
        expected_accuracy=0.7099,
    ),
    # The small network. Its teachers' answers to each view of a face are kept, so that two CPU
    # cores spend most of their time on the student. What ships was trained in three shorter runs,
    # whose recipes are in results/ and saved_models/nano/.
    "nano": dataclasses.replace(
        LONG_TAUGHT,
        name="nano",
        model="nano",
        votes=None,
        vote_answer=0.0,
        teachers=("runs/vgg_teacher", "runs/pupil"),
        distillation=0.85,
        views=60,
        stages=((48, 180),),
        passes=1,
        batch_size=128,
        weight_decay=1e-4,
        label_smoothing=0.0,
        augmentation=dataclasses.replace(HARSH, mix_probability=0.7, mixup=1.0),
    ),
    # AffectNet's eight classes with valence and arousal, in the shares of the loss that are usual
    # for it: 0.90 of a cross-entropy whose classes weigh the more the fewer faces they have, and
    # 0.05 of the squared error of each value. The rest is `scratch`'s; not run on AffectNet itself.
    "affect": Recipe(
        name="affect",
        loss_weights=(0.90, 0.05, 0.05),
        class_balance=1.0,
        drop_path=0.05,
        stages=((64, 8), (112, 4)),
        batch_size=128,
        clip_norm=1.0,
        warmup_epochs=1.0,
        ema=0.998,
        label_smoothing=0.1,
        augmentation=MILD,
    ),
    # One short budget for every network of `fer_tf.compare`. A rate at which transformers and
    # networks without norms learn, too, rises for half an epoch; the faces are changed mildly, as a
    # few epochs do not overfit; the plateau is one that a few epochs can see.
    "common": Recipe(
        name="common",
        drop_path=0.05,
        stages=((48, 4),),
        batch_size=64,
        learning_rate=5e-4,
        clip_norm=1.0,
        warmup_epochs=0.5,
        plateau_factor=0.5,
        plateau_patience=0,
        augmentation=dataclasses.replace(MILD, erasing=0.0, mix_probability=0.0, mixup=0.0),
    ),
    # A first run without any data: minutes on two CPU cores.
    "drawn": DRAWN,
    # The same with valence and arousal, for a first run with values: also for drawn faces in
    # AffectNet's layout (docs/affect.md).
    "drawn_affect": dataclasses.replace(
        DRAWN,
        name="drawn_affect",
        data="synthetic-affect",
        reading=Reading(face_size=48),
        expected_accuracy=None,
    ),
}
"""By name; each can be trained by itself, or after the runs that it names."""
