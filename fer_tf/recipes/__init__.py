"""How each network is trained: a recipe is a frozen value, a flag is `dataclasses.replace`.

Plain Python without imports of any framework, so that the command line answers at once.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
from pathlib import Path

from fer_tf.errors import FerError
from fer_tf.recipes.as_json import from_json
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

RECIPES: dict[str, Recipe] = {
    # Safavi et al., IEEE BSN 2023, section III, to the letter but for the ImageNet weights, which
    # `--weights imagenet` adds. 73.47 % is theirs, on PrivateTest, from those weights.
    "paper": Recipe(
        name="paper",
        stages=((224, 50),),
        batch_size=48,
        optimizer="sgd",
        learning_rate=1e-4,
        weight_decay=1e-3,
        schedule="plateau",
        early_stop=8,
        augmentation=Augmentation(flip=True, rotation=30.0),
        expected_accuracy=0.7347,
    ),
    # From random weights, in little more than an hour on two CPU cores. Accuracy on PublicTest; the
    # last stage did not add to it (docs/scratch/history.csv): it comes at too low a learning rate.
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
    # The fourteen runs of `broadest`, in this order; the first four need the votes:
    # `scripts/reproduce_broadest.py`. First from random weights, best in epoch 51.
    "votes": Recipe(
        name="votes",
        votes="fer2013new.csv",
        vote_weight=0.5,
        drop_path=0.05,
        stages=((64, 60),),
        batch_size=128,
        learning_rate=1.5e-3,
        clip_norm=1.0,
        warmup_epochs=3.0,
        ema=0.998,
        label_smoothing=0.05,
        augmentation=MILD,
        precision="float32",
        expected_accuracy=0.6445,
    ),
    # The teacher: convolutions learn more from as many faces.
    "vgg_half": dataclasses.replace(
        TEACHER,
        name="vgg_half",
        votes="fer2013new.csv",
        vote_weight=0.5,
        stages=((36, 10), (48, 10)),
        label_smoothing=0.05,
        fit_prior=True,
        expected_accuracy=0.6537,
    ),
    # A student of the one teacher goes on from the first run, at a low learning rate.
    "distilled": dataclasses.replace(
        FINE_TUNED,
        name="distilled",
        votes="fer2013new.csv",
        vote_weight=0.5,
        weights="runs/votes/best.keras",
        stages=((64, 8),),
        teachers=("runs/vgg_half",),
        distillation=0.6,
        learning_rate=3e-4,
        fit_prior=True,
        expected_accuracy=0.6662,
    ),
    # Then of both, from a high learning rate down again, with stronger augmentation and at sizes
    # around 64 px. Not better than where it begins, but knows more: the next run goes on from it.
    "student": dataclasses.replace(
        FINE_TUNED,
        name="student",
        votes="fer2013new.csv",
        vote_weight=0.5,
        weights="runs/distilled/best.keras",
        stages=((64, 30),),
        scales=(2 / 3, 1.0, 4 / 3),
        teachers=("runs/vgg_half", "runs/distilled"),
        distillation=0.7,
        learning_rate=1e-3,
        keep="last",
        fit_prior=True,
        augmentation=STRONG,
        expected_accuracy=0.6581,
    ),
    # FER2013's own labels at last. FERPlus' annotators agree with 64 % of them, and a network that
    # learns the votes learns to answer otherwise.
    "labels": dataclasses.replace(
        FINE_TUNED,
        name="labels",
        weights="runs/student/best.keras",
        stages=((64, 8),),
        scales=(2 / 3, 1.0, 4 / 3),
        learning_rate=5e-4,
        label_smoothing=0.1,
        expected_accuracy=0.6721,
    ),
    # A teacher of FER2013's own labels, from random weights.
    "vgg_labels": dataclasses.replace(
        TEACHER,
        name="vgg_labels",
        stages=((36, 14), (48, 9)),
        label_smoothing=0.1,
        expected_accuracy=0.6662,
    ),
    # A wider one, for longer: better by itself, and with `labels` better still.
    "vgg_wide": dataclasses.replace(
        TEACHER,
        name="vgg_wide",
        model="vgg_wide",
        stages=((36, 22), (48, 14)),
        label_smoothing=0.1,
        augmentation=MIXED,
        expected_accuracy=0.6835,
    ),
    # A student of `vgg_labels` and `labels`, at 32 to 112 px and then at 64 to 224 px. Accuracy at
    # the last stage's 128 px; at 64 px it is 67.2 %.
    "taught": dataclasses.replace(
        FINE_TUNED,
        name="taught",
        weights="runs/labels/best.keras",
        stages=((64, 12), (128, 3)),
        scales=(0.5, 0.75, 1.0, 1.75),
        teachers=("runs/vgg_labels", "runs/labels"),
        distillation=0.6,
        learning_rate=7e-4,
        restart=0.3,
        keep="last",
        augmentation=STRONG,
        expected_accuracy=0.657,
    ),
    # A student of the wide one and `labels`, who together know more than either. Most of the target
    # is their answers, and half of the way from where it begins is kept.
    "patient": dataclasses.replace(
        PATIENT,
        name="patient",
        weights="runs/taught/best.keras",
        stages=((64, 12),),
        scales=(0.75, 1.0, 1.0, 2.0),
        teachers=("runs/vgg_wide", "runs/labels"),
        learning_rate=5e-4,
        start_share=0.5,
        expected_accuracy=0.6751,
    ),
    # The same again at finer grids: at 64 px the last stage sees four places of a face, at 96 nine.
    # Accuracy at 96 px.
    "finer": dataclasses.replace(
        PATIENT,
        name="finer",
        weights="runs/patient/best.keras",
        stages=((96, 14),),
        scales=(2 / 3, 1.0, 1.0, 4 / 3),
        teachers=("runs/vgg_wide", "runs/patient"),
        expected_accuracy=0.6801,
    ),
    # At 128 px sixteen. Accuracy at 128 px; at 96 px it is 68.4 %.
    "finest": dataclasses.replace(
        PATIENT,
        name="finest",
        weights="runs/finer/best.keras",
        stages=((128, 14),),
        scales=(0.5, 0.75, 1.0, 1.0),
        teachers=("runs/vgg_wide", "runs/finer"),
        expected_accuracy=0.6812,
    ),
    # The wide teacher again, taught by itself and by its best student, and better than either.
    "vgg_again": dataclasses.replace(
        TEACHER,
        name="vgg_again",
        model="vgg_wide",
        weights="runs/vgg_wide/best.keras",
        stages=((48, 12),),
        teachers=("runs/vgg_wide", "runs/finest"),
        distillation=0.7,
        learning_rate=0.03,
        ema=0.998,
        keep="last",
        augmentation=dataclasses.replace(MIXED, mix_probability=0.5),
        expected_accuracy=0.6893,
    ),
    # A student of the two best. Accuracy at 128 px; at 96 px it is 68.8 %.
    "broad": dataclasses.replace(
        PATIENT,
        name="broad",
        weights="runs/finest/best.keras",
        stages=((128, 12),),
        scales=(0.5, 0.75, 0.75, 1.0),
        teachers=("runs/vgg_again", "runs/finest"),
        expected_accuracy=0.6843,
    ),
    # The same at up to 224 px, a quarter of the weights where it begins is kept, and
    # seven constants shift the answers from the teachers' class shares to those of the labels.
    # Accuracy at 224 px; at 128 px it is 69.2 %.
    "broadest": dataclasses.replace(
        PATIENT,
        name="broadest",
        weights="runs/broad/best.keras",
        stages=((224, 12),),
        scales=(2 / 7, 3 / 7, 3 / 7, 4 / 7, 1.0),
        teachers=("runs/vgg_again", "runs/broad"),
        start_share=0.25,
        fit_prior=True,
        expected_accuracy=0.6723,
    ),
    # Not behind what ships either: a teacher of another kind, from random weights.
    "resnet": dataclasses.replace(
        TEACHER,
        name="resnet",
        model="resnet18_narrow",
        stages=((36, 16), (48, 8)),
        label_smoothing=0.1,
        augmentation=MIXED,
        expected_accuracy=0.6481,
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
    # The small sister: its teachers' answers to twelve views of each face are kept, so that two CPU
    # cores spend their time on the student.
    "nano": dataclasses.replace(
        LONG_TAUGHT,
        name="nano",
        model="nano",
        votes=None,
        vote_answer=0.0,
        teachers=("runs/vgg_teacher", "runs/pupil"),
        distillation=0.85,
        views=12,
        stages=((48, 100),),
        passes=1,
        batch_size=128,
        weight_decay=1e-4,
        label_smoothing=0.0,
        augmentation=dataclasses.replace(HARSH, mix_probability=0.3),
    ),
    # A first run without any data: minutes on two CPU cores.
    "drawn": Recipe(
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
    ),
}
"""The recipes by name."""


def get_recipe(name: str) -> Recipe:
    """A recipe by name, or read from the recipe.json that every run folder holds.

    Raises:
        FerError: no such recipe or file, or a file that is not a recipe.
    """
    if name in RECIPES:
        return RECIPES[name]
    if name.endswith(".json") or os.sep in name:
        path = Path(name)
        if not path.is_file():
            raise FerError(f"{name}: no such recipe file")
        return from_json(path.read_text(encoding="utf-8", errors="replace"), source=name)
    close = difflib.get_close_matches(name, RECIPES, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(RECIPES)}"
    raise FerError(f"unknown recipe {name!r}: {hint}")
