"""What several recipes have in common: augmentations, and recipes that others change a little."""

from __future__ import annotations

import dataclasses

from fer_tf.recipes.schema import Augmentation, Recipe

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

STRONG = Augmentation(
    flip=True,
    rotation=12.0,
    zoom=0.12,
    shift=0.07,
    brightness=0.15,
    contrast=0.25,
    erasing=0.2,
    mix_probability=0.3,
    mixup=0.4,
    cutmix=1.0,
)
"""For long runs of a network that has learnt already."""

TEACHER = Recipe(
    model="vgg_half",
    batch_size=128,
    optimizer="sgd",
    learning_rate=0.1,
    weight_decay=5e-4,
    warmup_epochs=1.0,
    augmentation=dataclasses.replace(MILD, shift=0.06, mix_probability=0.0, mixup=0.0),
)
"""What the convolutional teachers share, from random weights."""

MIXED = dataclasses.replace(TEACHER.augmentation, erasing=0.2, mix_probability=0.2, mixup=0.4)
"""For a teacher's long run."""

FINE_TUNED = Recipe(
    drop_path=0.1,
    batch_size=128,
    clip_norm=1.0,
    warmup_epochs=0.5,
    ema=0.998,
    augmentation=dataclasses.replace(MILD, mix_probability=0.2, mixup=0.4),
    precision="float32",
)
"""What the runs share that go on from another's weights."""

PATIENT = dataclasses.replace(
    FINE_TUNED,
    distillation=0.85,
    learning_rate=7e-4,
    keep="last",
    augmentation=dataclasses.replace(STRONG, mix_probability=0.5),
)
"""What the students share for whom the teachers' answers are most of the target."""

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
