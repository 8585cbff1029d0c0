"""How each network is trained: a recipe is a frozen value, a flag is `dataclasses.replace`.

Plain Python without imports of any framework, so that the command line answers at once.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fer_tf.errors import FerError


@dataclass(frozen=True)
class Augmentation:
    """What happens to a training face; every default leaves it as it is."""

    flip: bool = False
    """Mirror half of the faces left to right."""
    rotation: float = 0.0
    """Largest angle, degrees, either way."""
    zoom: float = 0.0
    """Largest change of scale, as a share of the side, either way."""
    shift: float = 0.0
    """Largest shift along each axis, as a share of the side, either way."""
    brightness: float = 0.0
    """Largest change of brightness, as a share of white, either way."""
    contrast: float = 0.0
    """Largest change of contrast about the face's mean, as a share, either way."""
    erasing: float = 0.0
    """Probability of random erasing (Zhong et al., 2020)."""
    mix_probability: float = 0.0
    """Probability that a face is mixed with its neighbour in the batch."""
    mixup: float = 0.0
    """Beta parameter of mixup (Zhang et al., 2018); 0 for none."""
    cutmix: float = 0.0
    """Beta parameter of cutmix (Yun et al., 2019); 0 for none. With mixup: one or the other."""


@dataclass(frozen=True)
class Recipe:
    """A training, whole: what is not here does not change the weights."""

    name: str = "scratch"
    """Where the recipe starts from; the default name of the run."""
    data: str = "synthetic"
    """fer2013.csv (plain, .gz, .zip, .tar.gz), a folder of images, or "synthetic": drawn faces."""
    votes: str | None = None
    """fer2013new.csv: the FERPlus votes of the same rows."""
    vote_weight: float = 0.0
    """Share of the FERPlus votes in the target, in [0, 1]; the rest is FER2013's own label."""
    model: str = "mit_b0_fusion"
    """Name of the network (`fer_tf.list_models()`)."""
    weights: str | None = None
    """Weights to start from: "imagenet", or a .keras or .weights.h5 file."""
    drop_path: float = 0.1
    """Stochastic depth of the last block; the others rise linearly from 0."""
    stages: tuple[tuple[int, int], ...] = ((64, 30),)
    """Progressive resizing: (size in pixels, epochs) pairs, in order."""
    scales: tuple[float, ...] = (1.0,)
    """A step's faces have the stage's size times one of these, drawn anew for each step."""
    teachers: tuple[str, ...] = ()
    """Run folders or .keras files whose mean answer to the same augmented view is distilled."""
    distillation: float = 0.0
    """Share of the teachers' answer in the target, in [0, 1] (Hinton et al., 2015)."""
    batch_size: int = 64
    """Faces in a training step."""
    optimizer: Literal["sgd", "adam", "adamw"] = "adamw"
    """sgd and adam add weight decay to the gradient (L2), adamw decouples it."""
    learning_rate: float = 1e-3
    """Peak learning rate."""
    momentum: float = 0.9
    """Of sgd."""
    weight_decay: float = 0.05
    """Of adamw: not of biases and norms. Of sgd and adam: of every weight, as in PyTorch."""
    clip_norm: float | None = None
    """Largest global norm of the gradient."""
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    """Of the learning rate, after warm-up."""
    warmup_epochs: float = 0.0
    """Linear rise of the learning rate from 0; not with plateau."""
    restart: float = 0.0
    """Cosine's peak in each further stage over the one before, each with its own warm-up
    (Loshchilov and Hutter, 2017); 0 for one cosine over all stages."""
    min_learning_rate: float = 1e-6
    """Where cosine ends and below which plateau does not go."""
    plateau_factor: float = 0.1
    """What plateau multiplies the learning rate by."""
    plateau_patience: int = 2
    """Epochs without a better validation accuracy before plateau acts."""
    early_stop: int | None = None
    """Stop after so many epochs without a better validation accuracy."""
    ema: float = 0.0
    """Momentum of the averaged weights that are validated and kept; 0 for none."""
    keep: Literal["best", "last"] = "best"
    """Epoch whose weights best.keras holds: of the best validation accuracy, or the last one, for
    a run whose start is hard to beat but whose weights another run goes on from."""
    label_smoothing: float = 0.0
    """Share of the target spread evenly over the classes (Szegedy et al., 2016)."""
    fit_prior: bool = False
    """Shift the kept weights' logits by a constant per class to FER2013's labels on Training."""
    class_balance: float = 0.0
    """Weight of a class in the loss: count ** -class_balance, mean 1; 0 for none, 1 for inverse."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of the layers; weights, logits and loss are always float32."""
    seed: int = 0
    """Of every random choice."""
    expected_accuracy: float | None = None
    """Validation accuracy that this recipe reached, or that its source states."""

    @property
    def epochs(self) -> int:
        """All stages' epochs."""
        return sum(epochs for _, epochs in self.stages)

    def size_at(self, epoch: int) -> int:
        """Side in pixels of the faces in `epoch`, counted from 0."""
        for size, epochs in self.stages:
            if epoch < epochs:
                return size
            epoch -= epochs
        return self.stages[-1][0]


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
    # The five runs behind the network that ships, in this order; all but the last need the votes:
    # `scripts/reproduce_shipped_model.py`. First from random weights, best in epoch 51.
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
    "vgg_half": Recipe(
        name="vgg_half",
        votes="fer2013new.csv",
        vote_weight=0.5,
        model="vgg_half",
        stages=((36, 10), (48, 10)),
        batch_size=128,
        optimizer="sgd",
        learning_rate=0.1,
        weight_decay=5e-4,
        warmup_epochs=1.0,
        label_smoothing=0.05,
        fit_prior=True,
        augmentation=dataclasses.replace(MILD, shift=0.06, mix_probability=0.0, mixup=0.0),
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
        augmentation=Augmentation(
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
        ),
        expected_accuracy=0.6581,
    ),
    # What ships: FER2013's own labels at last. FERPlus' annotators agree with 64 % of them, and
    # a network that learns the votes learns to answer otherwise.
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


def to_json(recipe: Recipe) -> str:
    """The recipe as indented JSON; `from_json` gives it back."""
    return json.dumps(dataclasses.asdict(recipe), indent=2) + "\n"


def from_json(text: str, *, source: str = "recipe") -> Recipe:
    """Read a recipe from JSON; a key that is absent keeps its default.

    Args:
        text: a JSON object.
        source: what to call it in errors.

    Raises:
        FerError: not JSON, an unknown key (the nearest one is named), or a value of another type
            or out of its range.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FerError(f"{source}: not JSON: {error}") from None
    if not isinstance(values, dict):
        raise FerError(f"{source}: expected a JSON object, found {type(values).__name__}")
    recipe = _from_dict(Recipe, values, source)
    try:
        check(recipe)
    except FerError as error:
        raise FerError(f"{source}: {error}") from None
    return recipe


def _from_dict(cls: type, values: dict[str, Any], source: str) -> Any:
    types = typing.get_type_hints(cls)
    for key in values:
        if key not in types:
            close = difflib.get_close_matches(key, types, 1)
            hint = f", did you mean {close[0]!r}?" if close else ""
            raise FerError(f"{source}: unknown key {key!r}{hint}")
    return cls(**{k: _convert(types[k], v, f"{source}: {k}") for k, v in values.items()})


def _convert(kind: Any, value: Any, source: str) -> Any:
    """`value` from JSON as the annotated type `kind`."""
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return _from_dict(typing.cast(type, kind), value, source)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal and value in arguments:
        return value
    if origin is tuple and isinstance(value, list):
        kinds = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
        if len(kinds) == len(value):
            return tuple(_convert(k, v, source) for k, v in zip(kinds, value, strict=True))
    elif type(None) in arguments:
        return None if value is None else _convert(arguments[0], value, source)
    elif kind is float and type(value) in (int, float) and abs(value) < 1e300:
        return float(value)
    elif kind in (int, str, bool) and type(value) is kind:
        return value
    expected = getattr(kind, "__name__", None) if origin is None else str(kind)
    raise FerError(f"{source}: expected {expected}, found {value!r}")


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
    a = recipe.augmentation
    ranges = {
        "distillation": (recipe.distillation, 0, 1),
        "restart": (recipe.restart, 0, 1e3),
        "vote_weight": (recipe.vote_weight, 0, 1),
        "drop_path": (recipe.drop_path, 0, 0.99),
        "batch_size": (recipe.batch_size, 1, 1 << 20),
        "learning_rate": (recipe.learning_rate, 0, 1e3),
        "momentum": (recipe.momentum, 0, 0.9999),
        "weight_decay": (recipe.weight_decay, 0, 1e3),
        "clip_norm": (recipe.clip_norm, 1e-9, 1e9),
        "warmup_epochs": (recipe.warmup_epochs, 0, recipe.epochs),
        "min_learning_rate": (recipe.min_learning_rate, 0, recipe.learning_rate),
        "plateau_factor": (recipe.plateau_factor, 0, 1),
        "plateau_patience": (recipe.plateau_patience, 0, 1 << 20),
        "early_stop": (recipe.early_stop, 1, 1 << 20),
        "ema": (recipe.ema, 0, 0.999999),
        "label_smoothing": (recipe.label_smoothing, 0, 1),
        "class_balance": (recipe.class_balance, 0, 1),
        "rotation": (a.rotation, 0, 180),
        "zoom": (a.zoom, 0, 0.9),
        "shift": (a.shift, 0, 1),
        "brightness": (a.brightness, 0, 1),
        "contrast": (a.contrast, 0, 1),
        "erasing": (a.erasing, 0, 1),
        "mix_probability": (a.mix_probability, 0, 1),
        "mixup": (a.mixup, 0, 100),
        "cutmix": (a.cutmix, 0, 100),
        "seed": (recipe.seed, 0, (1 << 32) - 1),
        "expected_accuracy": (recipe.expected_accuracy, 0, 1),
    }
    for name, (value, low, high) in ranges.items():
        if value is not None and not low <= value <= high:
            raise FerError(f"{name}: expected a value from {low} to {high}, found {value}")
    if recipe.vote_weight and recipe.votes is None:
        raise FerError("vote_weight needs the FERPlus votes: pass --votes fer2013new.csv")
    if bool(recipe.distillation) != bool(recipe.teachers):
        raise FerError(
            "distillation and teachers need each other: expected both, like "
            "--teachers runs/vgg_half --distillation 0.5, or neither"
        )
    if recipe.restart and recipe.schedule != "cosine":
        raise FerError(f"restart: expected the cosine schedule with it, found {recipe.schedule}")
    if recipe.restart and recipe.warmup_epochs > min(epochs for _, epochs in recipe.stages):
        raise FerError("warmup_epochs: with restart, expected no more than a stage's epochs")
    if recipe.warmup_epochs and recipe.schedule == "plateau":
        raise FerError("warmup_epochs: the plateau schedule has no warm-up, expected 0")
    if a.mix_probability and not (a.mixup or a.cutmix):
        raise FerError("mix_probability: neither mixup nor cutmix is on, expected one above 0")
