"""The fourteen runs behind the network that ships, which `pupil` goes on from."""

from __future__ import annotations

import dataclasses

from fer_tf.recipes.schema import Recipe
from fer_tf.recipes.shared import FINE_TUNED, MILD, MIXED, PATIENT, STRONG, TEACHER

LINEAGE: dict[str, Recipe] = {
    # From random weights, best in epoch 51.
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
}
"""In the order in which they were trained; the first four need the FERPlus votes.

`scripts/reproduce_broadest.py` trains them one after the other.
"""
