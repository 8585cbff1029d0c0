"""A training as a value: every setting, and what it means.

Plain Python without imports of any framework, so that the command line answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Augmentation:
    """What happens to a training face; every default leaves it as it is."""

    flip: bool = False
    """Mirrors half of the training faces left to right."""
    rotation: float = 0.0
    """Each face is turned by a random angle of at most so many degrees to either side."""
    rotation_probability: float = 1.0
    """This share of the faces is turned, and the others stay upright."""
    zoom: float = 0.0
    """Each face is made larger or smaller by at most this share of its side."""
    shift: float = 0.0
    """Each face is moved along each axis by at most this share of its side."""
    shift_probability: float = 1.0
    """This share of the faces is moved, and the others stay in their place."""
    crop_area: tuple[float, float] = (1.0, 1.0)
    """A crop whose share of the face's area lies between these two is enlarged to the whole picture
    (torchvision's RandomResizedCrop). A crop larger than the face is drawn again, up to ten times,
    so that 0.8 1.2 gives 0.8 to 1."""
    crop_aspect: tuple[float, float] = (1.0, 1.0)
    """The crop's width over its height lies between these two, evenly on a logarithmic scale."""
    magnify: float = 1.0
    """Every face is enlarged so many times about its centre, and what then lies outside is cut
    off."""
    border: Literal["repeat", "reflect", "black"] = "repeat"
    """Beyond a face's edge its outermost pixels go on (repeat), or the face is mirrored about them
    (reflect), or there is nothing (black, also in place of what a crop left out)."""
    grid_distortion: float = 0.0
    """The face is cut into five columns and five rows, each of which grows or shrinks by at most
    this share (albumentations' GridDistortion)."""
    rand_augment: float = 0.0
    """Each face goes through two random changes of the fourteen of RandAugment, one after the
    other, of this strength from 0 to 10 (Cubuk et al., 2020)."""
    auto_contrast: float = 0.0
    """The levels of this share of the faces are stretched, so that the darkest pixel becomes black
    and the lightest white (torchvision's RandomAutocontrast)."""
    brightness: float = 0.0
    """Each face is made brighter or darker by at most this share of white."""
    contrast: float = 0.0
    """Each face's contrast about its mean grows or shrinks by at most this share."""
    light: float = 0.0
    """This share of the faces is put into bad light: as dark as 1/16, with another gamma, behind
    haze, and rounded to whole grey levels."""
    blur: float = 0.0
    """This share of the faces is blurred by a Gaussian of up to 1.5 of the face's own pixels."""
    noise: float = 0.0
    """Gaussian noise of this standard deviation, as a share of white, is added to each of a face's
    own pixels."""
    jpeg: float = 0.0
    """This share of the faces gets the coarse levels of a JPEG file of quality 10 to 70."""
    erasing: float = 0.0
    """A random rectangle is erased from this share of the faces (random erasing, Zhong et al.,
    2020)."""
    mix_probability: float = 0.0
    """This share of the faces is mixed with its neighbour in the batch, by mixup, by cutmix, or by
    one of the two where both are on."""
    mixup: float = 0.0
    """Mixup blends two faces in a proportion that is drawn from a Beta distribution with this
    parameter (Zhang et al., 2018). 0 switches it off."""
    cutmix: float = 0.0
    """Cutmix pastes a part of one face into another, of an area that is drawn from a Beta
    distribution with this parameter (Yun et al., 2019). 0 switches it off."""


@dataclass(frozen=True)
class Reading:
    """How data is read; every default leaves it to the data."""

    reader: str | None = None
    """This reader of data sets is used (docs/data.md lists them). If not given, it is the first
    that knows the data's layout."""
    face_size: int | None = None
    """Pictures are reduced to squares of this side in pixels. If not given, the layout's own size
    is taken."""
    task: str | None = None
    """Faces are labelled by the classes of this task in its order, such as affectnet7. Those of
    classes that it lacks are left out and counted."""
    unpack_limit: float = 2.0
    """An archive may unpack to at most so many GiB. Raise it only for data that you trust."""


@dataclass(frozen=True)
class Recipe:
    """A training, whole: what is not here does not change the weights."""

    name: str = "scratch"
    """This recipe starts from the one of this name, which is also the run's name unless --run says
    otherwise."""
    data: str = "synthetic"
    """The network learns from these faces: fer2013.csv (plain, .gz, .zip, .tar.gz), a folder of
    images, another data set that a reader knows (docs/data.md), or "synthetic" for drawn faces."""
    split: str | None = None
    """Data without validation faces is divided by shares such as 80:20 (training and validation) or
    80:10:10 (and test), within each class and always the same way."""
    reading: Reading = field(default_factory=Reading)
    votes: str | None = None
    """FERPlus' votes for the rows of fer2013.csv are read from this file, fer2013new.csv."""
    vote_weight: float = 0.0
    """The target is FERPlus' votes to this share, from 0 to 1, and FER2013's own label to the
    rest."""
    vote_answer: float = 0.0
    """The network also learns to predict all ten of FERPlus' votes, with this weight in the loss
    (Caruana, 1997, "Multitask Learning"). The network that is kept has no such second answer."""
    clean: bool = False
    """Training faces that are blank, or copies of validation faces, are left out."""
    model: str = "mit_b0_fusion"
    """The network of this name is trained, one of `fer_tf.list_models()`."""
    weights: str | None = None
    """The training starts from these weights: "shipped" (those that come with the package, of
    mit_b0_fusion or nano), "imagenet", the folder of a run (its best.keras), or a .keras or
    .weights.h5 file. Classes that it does not know start at random. If not given, all weights are
    random."""
    drop_path: float = 0.1
    """A training step skips the last block with this probability, and earlier ones less often, down
    to never (stochastic depth)."""
    dropout: float | None = None
    """A training step leaves out this share of the features before the last layers (dropout). If
    not given, it is the network's own share, where it has any."""
    stages: tuple[tuple[int, int], ...] = ((64, 30),)
    """Faces have these sizes in pixels one after the other, each for a number of epochs: 64 18 96 5
    is 64 pixels for 18 epochs, then 96 for 5 (progressive resizing)."""
    passes: int = 1
    """An epoch goes over the training faces so many times before the validation. On a GPU one pass
    is shorter than a validation."""
    epoch_steps: int | None = None
    """An epoch ends after so many training steps, with other faces each time. If not given, it ends
    when all faces were seen. It is meant for networks that are too large for the machine."""
    minutes: float | None = None
    """The training lasts so many minutes, in place of the epochs of its one stage, and the learning
    rate follows the clock. It is meant for a machine that is lent for a while."""
    scales: tuple[float, ...] = (1.0,)
    """The faces of each training step have the stage's size times one of these numbers, drawn anew
    for every step."""
    teachers: tuple[str, ...] = ()
    """The network also learns from the mean answer of these run folders or .keras files to the same
    augmented faces (distillation)."""
    distillation: float = 0.0
    """The target is the teachers' answer to this share, from 0 to 1, and the label to the rest
    (Hinton et al., 2015)."""
    views: int | None = None
    """Each face is seen in so many augmented views in turn, one an epoch, and the teachers, who may
    be exported files too, answer each view once. If not given, every epoch has a new view."""
    batch_size: int = 64
    """A training step looks at so many faces at once."""
    accumulate: int = 1
    """A training step looks at its faces in so many equal parts, one after the other, for a GPU
    that is too small for all at once. The weights are those of the whole step to rounding, but
    batch normalisation is over each part, and dropout and drop_path are drawn for each part."""
    optimizer: Literal[
        "sgd", "nesterov", "averaged_sgd", "adam", "amsgrad", "adamw", "adadelta", "adagrad"
    ] = "adamw"
    """This method changes the weights, as PyTorch's of the same name does, but adamw as Keras'.
    adamw keeps weight decay apart, and all others add it to the gradient (L2)."""
    learning_rate: float = 1e-3
    """A step moves the weights in proportion to the learning rate, of which this is the highest."""
    momentum: float = 0.9
    """sgd and nesterov keep this share of the direction of the steps before. averaged_sgd has no
    momentum, and the others have their own."""
    average_start: int = 1_000_000
    """averaged_sgd keeps the mean of the weights from this step on (PyTorch's t0, and its default),
    and before it the weights themselves. It is what is validated and kept."""
    average_decay: float = 1e-4
    """averaged_sgd takes this share of the learning rate off each weight at every step, and lets
    the rate fall (PyTorch's lambd)."""
    average_power: float = 0.75
    """averaged_sgd divides the learning rate by (1 + average_decay * rate * steps) to this power
    (PyTorch's alpha)."""
    weight_decay: float = 0.05
    """Weights are pulled towards zero this strongly. adamw spares biases and norms, and the others
    pull every weight, as in PyTorch."""
    clip_norm: float | None = None
    """A gradient whose global norm is larger than this is scaled down to it. If not given, none
    is."""
    clip_value: float | None = None
    """Each number of a gradient is cut off at this and at its negative. If not given, none is."""
    schedule: Literal["constant", "cosine", "plateau", "step", "one_cycle", "warm_restarts"] = (
        "cosine"
    )
    """The learning rate stays as it is (constant), falls along a cosine, falls whenever validation
    no longer improves (plateau) or at step_epochs (step), rises from 1/25 of itself for 30 % of the
    steps and falls to almost nothing (one_cycle, as PyTorch's, with a momentum that goes from 0.95
    to 0.85 and back), or falls along one cosine after the other (warm_restarts). constant and
    cosine may begin with a warm-up."""
    schedule_every: Literal["step", "epoch"] = "step"
    """The learning rate moves at every step, or when an epoch begins, as many PyTorch programs have
    it. plateau and step move between epochs anyway."""
    step_epochs: tuple[int, ...] = ()
    """With step, the learning rate is multiplied by step_factor after so many epochs, such as after
    15 and again after 30."""
    step_factor: float = 0.1
    """Step multiplies the learning rate by this number each time."""
    cycle_epochs: int = 10
    """The first cosine of warm_restarts takes so many epochs (PyTorch's T_0)."""
    cycle_factor: int = 1
    """Each further cosine of warm_restarts takes so many times as long (PyTorch's T_mult)."""
    warmup_epochs: float = 0.0
    """The learning rate rises linearly from 0 during so many epochs, with constant and cosine."""
    restart: float = 0.0
    """With cosine, each further stage begins again at this share of the peak before, after a
    warm-up of its own (Loshchilov and Hutter, 2017). 0 makes one cosine of all stages."""
    min_learning_rate: float = 1e-6
    """Each cosine ends at this learning rate, and plateau does not go below it."""
    plateau_factor: float = 0.1
    """Plateau multiplies the learning rate by this number each time."""
    plateau_patience: int = 2
    """Plateau lets so many epochs pass without a better validation accuracy, and acts after one
    more, as PyTorch's does."""
    early_stop: int | None = None
    """The training ends after so many epochs without a better validation accuracy. If not given, it
    never ends early."""
    ema: float = 0.0
    """Validated and kept is an exponential moving average of the weights with this decay, such as
    0.998. 0 keeps the weights themselves."""
    keep: Literal["best", "last"] = "best"
    """best.keras holds the weights of the epoch with the best validation accuracy, or of the last
    one, for a run whose start is hard to beat but whose weights another run goes on from."""
    start_share: float = 0.0
    """The weights that are validated and kept are to this share, from 0 to 1, those that the run
    began with (Wortsman et al., CVPR 2022, "Robust fine-tuning of zero-shot models")."""
    label_smoothing: float = 0.0
    """This share of the target is spread evenly over the classes (Szegedy et al., 2016)."""
    fit_prior: bool = False
    """The kept weights' logits are shifted by a constant for each class, so that the answers on the
    training faces have the shares of their labels."""
    loss_weights: tuple[float, ...] = ()
    """The loss is a weighted sum: these are the weights of the classes' cross-entropy and of each
    value's squared error, in this order, such as 0.90 0.05 0.05. If none are given, each is 1."""
    class_balance: float = 0.0
    """Rare classes weigh more in the loss, by count ** -class_balance, with a mean of 1: 0 treats
    all faces alike, and 1 all classes."""
    class_weights: tuple[float, ...] = ()
    """Each class weighs so much in the loss, in the order of the task's classes, relative to the
    mean over the training faces. If none are given, all weigh the same."""
    ten_crops: bool = False
    """Each face gives a training step ten images: its four corners and its centre, of 40/48 of its
    side, and their mirror images. The validation takes the mean of the ten answers."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """The layers compute in this number format; auto takes the one that suits the machine. Weights,
    logits and loss are always float32."""
    seed: int = 0
    """Every random choice depends on this number, so that the same command gives the same
    weights."""
    expected_accuracy: float | None = None
    """This recipe reached this validation accuracy, or its source states it. It changes nothing."""

    @property
    def epochs(self) -> int:
        """All stages' epochs."""
        return sum(epochs for _, epochs in self.stages)

    @property
    def images_per_face(self) -> int:
        """How many images each face gives to a training step."""
        return 10 if self.ten_crops else 1

    @property
    def tta(self) -> str:
        """The test-time augmentation with which validation faces are answered."""
        return "ten-crop" if self.ten_crops else "none"

    def settings(self) -> dict[str, Any]:
        """Every setting by the name of its flag, those of `reading` and `augmentation`, too."""
        groups = {"reading", "augmentation"}
        own = {name: value for name, value in vars(self).items() if name not in groups}
        return {**own, **vars(self.augmentation), **vars(self.reading)}

    def size_at(self, epoch: int) -> int:
        """Side in pixels of the faces in `epoch`, counted from 0."""
        for size, epochs in self.stages:
            if epoch < epochs:
                return size
            epoch -= epochs
        return self.stages[-1][0]
