"""Which values of a recipe a training can use.

Plain Python without imports of any framework, so that the command line answers at once.
"""

from __future__ import annotations

import itertools

from fer_tf.errors import FerError
from fer_tf.recipes.schema import Recipe


def ranges(recipe: Recipe) -> dict[str, tuple[float, float]]:
    """The lowest and the highest value that each number of a recipe may have, by its name."""
    return {
        "face_size": (1, 1024),
        "unpack_limit": (1e-3, 1e6),
        "distillation": (0, 1),
        "restart": (0, 1e3),
        "vote_weight": (0, 1),
        "vote_answer": (0, 100),
        "passes": (1, 1 << 20),
        "epoch_steps": (1, 1 << 30),
        "views": (1, 1 << 20),
        "minutes": (1e-3, 1e6),
        "drop_path": (0, 0.99),
        "dropout": (0, 0.99),
        "batch_size": (1, 1 << 20),
        "accumulate": (1, 1 << 20),
        "learning_rate": (0, 1e3),
        "momentum": (0, 0.9999),
        "weight_decay": (0, 1e3),
        "average_start": (0, 1 << 40),
        "average_decay": (0, 1),
        "average_power": (0, 10),
        "clip_norm": (1e-9, 1e9),
        "clip_value": (1e-9, 1e9),
        "step_factor": (0, 1),
        "cycle_epochs": (1, 1 << 20),
        "cycle_factor": (1, 1 << 20),
        "warmup_epochs": (0, recipe.epochs),
        "min_learning_rate": (0, recipe.learning_rate),
        "plateau_factor": (0, 1),
        "plateau_patience": (0, 1 << 20),
        "early_stop": (1, 1 << 20),
        "ema": (0, 0.999999),
        "start_share": (0, 1),
        "label_smoothing": (0, 1),
        "class_balance": (0, 1),
        "rotation": (0, 180),
        "rotation_probability": (0, 1),
        "zoom": (0, 0.9),
        "shift": (0, 1),
        "shift_probability": (0, 1),
        "magnify": (0.25, 4),
        "grid_distortion": (0, 0.9),
        "rand_augment": (0, 10),
        "auto_contrast": (0, 1),
        "brightness": (0, 1),
        "contrast": (0, 1),
        "light": (0, 1),
        "blur": (0, 1),
        "noise": (0, 1),
        "jpeg": (0, 1),
        "erasing": (0, 1),
        "mix_probability": (0, 1),
        "mixup": (0, 100),
        "cutmix": (0, 100),
        "seed": (0, (1 << 32) - 1),
        "expected_accuracy": (0, 1),
    }


def check(recipe: Recipe) -> None:
    """Refuse values that no training can use.

    Raises:
        FerError: names the field, the value and what is allowed.
    """
    if not recipe.stages or any(size < 1 or epochs < 1 for size, epochs in recipe.stages):
        raise FerError(
            f"stages: expected (size, epochs) pairs of at least 1, found {recipe.stages}"
        )
    if not recipe.scales or not all(0 < scale <= 16 for scale in recipe.scales):
        raise FerError(f"scales: expected numbers above 0 to 16, found {recipe.scales}")
    values = recipe.settings()
    for name, (low, high) in ranges(recipe).items():
        value = values[name]
        if value is not None and not low <= value <= high:
            raise FerError(f"{name}: expected a value from {low} to {high}, found {value}")
    if recipe.batch_size % recipe.accumulate:
        raise FerError(
            f"accumulate: expected a divisor of the batch_size {recipe.batch_size}, found "
            f"{recipe.accumulate}"
        )
    for name in ("vote_weight", "vote_answer"):
        brings_votes = recipe.votes is not None or recipe.reading.reader == "ferplus"
        if getattr(recipe, name) and not brings_votes:
            raise FerError(f"{name} needs the FERPlus votes: pass --votes or --reader ferplus")
    if not all(0 <= weight <= 1e6 for weight in recipe.loss_weights):
        raise FerError(f"loss_weights: expected values from 0 to 1e6, found {recipe.loss_weights}")
    if not all(0 < weight <= 1e6 for weight in recipe.class_weights):
        raise FerError(
            f"class_weights: expected values above 0 to 1e6, found {recipe.class_weights}"
        )
    if recipe.class_weights and recipe.class_balance:
        raise FerError(
            "class_weights: expected class_balance 0 with them, which weighs classes too"
        )
    for name, least, most in (("crop_area", 0.01, 1.0), ("crop_aspect", 0.1, 10.0)):
        low, high = values[name]
        if not (least <= low <= most and low <= high <= 10.0):
            raise FerError(
                f"{name}: expected two values, the first from {least} to {most} and the second "
                f"from there to 10, found {low} {high}"
            )
    a = recipe.augmentation
    if recipe.ten_crops and (a.mix_probability or recipe.teachers or recipe.fit_prior):
        raise FerError(
            "ten_crops: expected neither mix_probability nor teachers nor fit_prior with it, which "
            "are for whole faces"
        )
    if recipe.minutes and (len(recipe.stages) > 1 or recipe.schedule != "cosine"):
        raise FerError("minutes: expected one stage and the cosine schedule with it")
    if recipe.start_share and recipe.weights is None:
        raise FerError("start_share needs weights to begin with: pass --weights FILE")
    if bool(recipe.distillation) != bool(recipe.teachers):
        raise FerError(
            "distillation and teachers need each other: expected both, like "
            "--teachers runs/vgg_half --distillation 0.5, or neither"
        )
    if recipe.views and not recipe.teachers:
        raise FerError("views: expected teachers with it, whose answers are kept")
    if recipe.restart and recipe.schedule != "cosine":
        raise FerError(f"restart: expected the cosine schedule with it, found {recipe.schedule}")
    if recipe.restart and recipe.warmup_epochs > min(epochs for _, epochs in recipe.stages):
        raise FerError("warmup_epochs: with restart, expected no more than a stage's epochs")
    if recipe.warmup_epochs and recipe.schedule not in ("constant", "cosine"):
        raise FerError(f"warmup_epochs: {recipe.schedule} has no warm-up, expected 0")
    if recipe.clip_norm and recipe.clip_value:
        raise FerError("clip_value: expected no clip_norm with it, which clips gradients too")
    if recipe.ema and recipe.optimizer == "averaged_sgd":
        raise FerError("ema: averaged_sgd keeps an average of its own, expected 0")
    rising = all(a < b for a, b in itertools.pairwise((0, *recipe.step_epochs)))
    if not rising or (recipe.schedule == "step" and not recipe.step_epochs):
        raise FerError(
            "step_epochs: expected rising numbers of epochs, such as 15 30, and one at least with "
            f"the schedule step, found {recipe.step_epochs}"
        )
    if a.mix_probability and not (a.mixup or a.cutmix):
        raise FerError("mix_probability: neither mixup nor cutmix is on, expected one above 0")
