"""A training as a value: every setting, what it means, and which values can be used.

Plain Python without imports of any framework, so that the command line answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fer_tf.errors import FerError


@dataclass(frozen=True)
class Augmentation:
    """What happens to a training face; every default leaves it as it is."""

    flip: bool = False
    """Mirror half of the faces left to right."""
    rotation: float = 0.0
    """Largest angle of rotation, in degrees, to either side."""
    zoom: float = 0.0
    """Largest change of scale, as a share of the side, either way."""
    shift: float = 0.0
    """Largest shift along each axis, as a share of the side, either way."""
    brightness: float = 0.0
    """Largest change of brightness, as a share of white, either way."""
    contrast: float = 0.0
    """Largest change of contrast about the face's mean, as a share, either way."""
    light: float = 0.0
    """Probability of bad light: a gain down to 1/16, a gamma, haze, rounded to whole levels."""
    blur: float = 0.0
    """Probability of a Gaussian blur, up to 1.5 of the face's own pixels."""
    jpeg: float = 0.0
    """Probability of the coarse levels of a JPEG file, of quality 10 to 70."""
    erasing: float = 0.0
    """Probability of random erasing (Zhong et al., 2020)."""
    mix_probability: float = 0.0
    """Probability that a face is mixed with its neighbour in the batch."""
    mixup: float = 0.0
    """Beta parameter of mixup (Zhang et al., 2018); 0 for none."""
    cutmix: float = 0.0
    """Beta parameter of cutmix (Yun et al., 2019); 0 for none. With mixup: one or the other."""


@dataclass(frozen=True)
class Reading:
    """How data is read; every default leaves it to the data."""

    reader: str | None = None
    """Name of the reader of the data's layout; the first that knows it if not given."""
    face_size: int | None = None
    """Side in pixels of the square that pictures are reduced to; the layout's own if not given."""
    task: str | None = None
    """Name of the task whose classes and order are wanted, such as affectnet7; classes that it
    lacks are left out and counted."""
    unpack_limit: float = 2.0
    """GiB that an archive may unpack to: more only for data that you trust."""


@dataclass(frozen=True)
class Recipe:
    """A training, whole: what is not here does not change the weights."""

    name: str = "scratch"
    """Where the recipe starts from; the default name of the run."""
    data: str = "synthetic"
    """fer2013.csv (plain, .gz, .zip, .tar.gz), a folder of images, another data set that a reader
    knows (docs/data.md), or "synthetic": drawn faces."""
    split: str | None = None
    """Shares such as 80:20 (training and validation) or 80:10:10 (and test) that data without
    validation faces is divided by, within each class and always the same."""
    reading: Reading = field(default_factory=Reading)
    votes: str | None = None
    """fer2013new.csv: the FERPlus votes of the same rows."""
    vote_weight: float = 0.0
    """Share of the FERPlus votes in the target, in [0, 1]; the rest is FER2013's own label."""
    vote_answer: float = 0.0
    """Weight in the loss of a second answer, all ten of FERPlus' votes, that the network gives
    while it is trained (Caruana, 1997, "Multitask Learning"); what is kept has the first alone."""
    clean: bool = False
    """Leave out training faces that are blank, or copies of validation faces."""
    model: str = "mit_b0_fusion"
    """Name of the network (`fer_tf.list_models()`)."""
    weights: str | None = None
    """Weights to start from: "shipped" (the trained network that comes with the package),
    "imagenet", or a .keras or .weights.h5 file. Classes that it does not know start at random."""
    drop_path: float = 0.1
    """Stochastic depth of the last block; the others rise linearly from 0."""
    stages: tuple[tuple[int, int], ...] = ((64, 30),)
    """Progressive resizing: (size in pixels, epochs) pairs, in order."""
    passes: int = 1
    """Times that an epoch goes over the faces; on a GPU, one pass is shorter than a validation."""
    minutes: float | None = None
    """Train for so long, not for the epochs of the one stage, and let the learning rate follow
    the clock: for a machine that is lent for a while."""
    scales: tuple[float, ...] = (1.0,)
    """A step's faces have the stage's size times one of these, drawn anew for each step."""
    teachers: tuple[str, ...] = ()
    """Run folders or .keras files whose mean answer to the same augmented view is distilled."""
    distillation: float = 0.0
    """Share of the teachers' answer in the target, in [0, 1] (Hinton et al., 2015)."""
    views: int | None = None
    """Augmented views of each face that are taken in turn, one an epoch: the teachers, who may be
    exported files too, answer each of them once. None for a new one in every epoch."""
    batch_size: int = 64
    """Faces in a training step."""
    optimizer: Literal["sgd", "adam", "adamw"] = "adamw"
    """The optimizer: sgd and adam add weight decay to the gradient (L2), adamw decouples it."""
    learning_rate: float = 1e-3
    """Peak learning rate."""
    momentum: float = 0.9
    """Momentum of SGD; Adam and AdamW have their own."""
    weight_decay: float = 0.05
    """Strength of weight decay. AdamW spares biases and norms; SGD and Adam decay every weight, as
    in PyTorch."""
    clip_norm: float | None = None
    """The gradient is scaled down where its global norm is larger than this; None for never."""
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    """How the learning rate changes after warm-up."""
    warmup_epochs: float = 0.0
    """Epochs in which the learning rate rises linearly from 0; not with plateau."""
    restart: float = 0.0
    """Cosine's peak in each further stage over the one before, each with its own warm-up
    (Loshchilov and Hutter, 2017); 0 for one cosine over all stages."""
    min_learning_rate: float = 1e-6
    """The learning rate at which cosine ends, and below which plateau does not go."""
    plateau_factor: float = 0.1
    """Plateau multiplies the learning rate by this."""
    plateau_patience: int = 2
    """Epochs without a better validation accuracy before plateau acts."""
    early_stop: int | None = None
    """Stop after so many epochs without a better validation accuracy."""
    ema: float = 0.0
    """Decay of the exponential moving average of the weights, which is validated and kept; 0 for
    none."""
    keep: Literal["best", "last"] = "best"
    """Epoch whose weights best.keras holds: of the best validation accuracy, or the last one, for
    a run whose start is hard to beat but whose weights another run goes on from."""
    start_share: float = 0.0
    """Share of the weights that the run began with in those that are validated and kept, in [0, 1]
    (Wortsman et al., CVPR 2022, "Robust fine-tuning of zero-shot models"); 0 for none."""
    label_smoothing: float = 0.0
    """Share of the target spread evenly over the classes (Szegedy et al., 2016)."""
    fit_prior: bool = False
    """Shift the kept weights' logits by a constant per class to FER2013's labels on Training."""
    loss_weights: tuple[float, ...] = ()
    """Weights of the classes' cross-entropy and of each value's squared error, in this order; none
    for 1 each."""
    class_balance: float = 0.0
    """Weight of a class in the loss: count ** -class_balance, mean 1; 0 for none, 1 for inverse."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format in which the layers compute; weights, logits and loss are always float32."""
    seed: int = 0
    """Seed of every random choice."""
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
        "face_size": (recipe.reading.face_size, 1, 1024),
        "unpack_limit": (recipe.reading.unpack_limit, 1e-3, 1e6),
        "distillation": (recipe.distillation, 0, 1),
        "restart": (recipe.restart, 0, 1e3),
        "vote_weight": (recipe.vote_weight, 0, 1),
        "vote_answer": (recipe.vote_answer, 0, 100),
        "passes": (recipe.passes, 1, 1 << 20),
        "views": (recipe.views, 1, 1 << 20),
        "minutes": (recipe.minutes, 1e-3, 1e6),
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
        "start_share": (recipe.start_share, 0, 1),
        "label_smoothing": (recipe.label_smoothing, 0, 1),
        "class_balance": (recipe.class_balance, 0, 1),
        "rotation": (a.rotation, 0, 180),
        "zoom": (a.zoom, 0, 0.9),
        "shift": (a.shift, 0, 1),
        "brightness": (a.brightness, 0, 1),
        "contrast": (a.contrast, 0, 1),
        "light": (a.light, 0, 1),
        "blur": (a.blur, 0, 1),
        "jpeg": (a.jpeg, 0, 1),
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
    for name in ("vote_weight", "vote_answer"):
        brings_votes = recipe.votes is not None or recipe.reading.reader == "ferplus"
        if getattr(recipe, name) and not brings_votes:
            raise FerError(f"{name} needs the FERPlus votes: pass --votes or --reader ferplus")
    if not all(0 <= weight <= 1e6 for weight in recipe.loss_weights):
        raise FerError(f"loss_weights: expected values from 0 to 1e6, found {recipe.loss_weights}")
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
    if recipe.warmup_epochs and recipe.schedule == "plateau":
        raise FerError("warmup_epochs: the plateau schedule has no warm-up, expected 0")
    if a.mix_probability and not (a.mixup or a.cutmix):
        raise FerError("mix_probability: neither mixup nor cutmix is on, expected one above 0")
