"""The published networks, each under its source's recipe, which bears the network's name.

Only that is stated here which differs from a recipe's defaults. `expected_accuracy` is the source's
own figure, of its own test data; of a range, the highest. Where a source moves the learning rate
between epochs, so does the recipe (`schedule_every`, or a schedule that does so anyway).
"""

from __future__ import annotations

import dataclasses
from typing import Any

from fer_tf.recipes.schema import Augmentation, Recipe

PLAIN = Recipe(schedule="constant", weight_decay=0.0)
"""What all share: no weight decay and a constant learning rate, unless stated."""

# Safavi, Patel, Vinjamuri, "Towards Efficient Deep Learning Models for Facial Expression
# Recognition using Transformers", IEEE BSN 2023, section III. All its networks start from ImageNet
# weights. `--weights imagenet` adds them to mit_b0_fusion and densenet121; of the others Keras has
# none of the same network.
SAFAVI = dataclasses.replace(
    PLAIN,
    stages=((224, 50),),
    batch_size=48,
    optimizer="sgd",
    learning_rate=1e-4,
    weight_decay=1e-3,
    schedule="plateau",
    plateau_factor=0.1,
    plateau_patience=2,
    min_learning_rate=1e-6,
    early_stop=8,
    augmentation=Augmentation(flip=True, rotation=30.0),
)

# Project S1. Starts from ImageNet weights but for its first layer (`--weights imagenet`). One-cycle
# moves at every step. Open: the batch size (64 here); its epochs are 30 to 50. Its crop after
# padding by 2 px and its shift by 0.1 are one shift here, which varies as much as the two together.
S1 = dataclasses.replace(
    PLAIN,
    stages=((48, 50),),
    optimizer="adam",
    learning_rate=1e-3,
    weight_decay=1e-4,
    clip_value=0.1,
    schedule="one_cycle",
    augmentation=Augmentation(
        flip=True, rotation=15.0, shift=0.112, border="reflect", auto_contrast=0.5
    ),
)

# Project S2: AffectNet's eight classes with valence and arousal. Its text says that the backbones
# are pretrained (`--weights imagenet`, but for the first two), and its table that they are not.
# Open: the strength of the noise (0.02 here), and whether the cosine moves between epochs, as here,
# or at every step.
S2 = dataclasses.replace(
    PLAIN,
    optimizer="adam",
    learning_rate=1e-4,
    schedule="cosine",
    schedule_every="epoch",
    min_learning_rate=1e-7,
    loss_weights=(0.90, 0.05, 0.05),
    class_weights=(0.480225, 0.267503, 1.41232, 2.55191, 5.63756, 9.45474, 1.44508, 9.58837),
    augmentation=Augmentation(flip=True, noise=0.02),
)

# Project S3. Faces of 230 px, of which a crop of 224 px moves by up to 11 px with padding by 8.
# It trained by Adam (`--optimizer adam`) or SGD, and does not say which network by which. Its
# ResNet18 stems may have started from ImageNet weights.
S3 = dataclasses.replace(
    PLAIN,
    stages=((224, 40),),
    batch_size=32,
    optimizer="sgd",
    learning_rate=1e-3,
    schedule="step",
    step_epochs=(15, 30),
    augmentation=Augmentation(
        flip=True, rotation=15.0, magnify=230 / 224, shift=11 / 224, border="black"
    ),
)

# Project S4, after Khaireddin and Chen, "Facial Emotion Recognition: State of the Art Performance
# on FER2013", 2021, section 3. It chooses on PrivateTest and tests on PublicTest; here it is the
# other way round, as with every recipe. vgg16 and efficientnet_b3 start from ImageNet weights
# (`--weights imagenet`), and so does its resnet50_40, of which Keras has none; khaireddin_vgg
# starts from random ones. The faces of a batch are 64, and its images 640. S4 also fine-tuned on
# the validation data: not here, where a figure of validation has to stay one.
S4 = dataclasses.replace(
    PLAIN,
    stages=((40, 300),),
    batch_size=64,
    optimizer="nesterov",
    learning_rate=0.01,
    weight_decay=1e-4,
    schedule="plateau",
    plateau_factor=0.75,
    plateau_patience=5,
    min_learning_rate=0.0,
    ten_crops=True,
    augmentation=Augmentation(
        flip=True,
        rotation=10.0,
        rotation_probability=0.5,
        shift=0.2,
        shift_probability=0.5,
        crop_area=(0.8, 1.2),
        crop_aspect=(3 / 4, 4 / 3),
        border="black",
        erasing=0.5,
    ),
)

# Xue, Wang, Guo, "TransFER: Learning Relation-aware Facial Expression Representations with
# Transformers", ICCV 2021, section 4. Open in our tables: the learning rate (1e-3 here),
# the share of erased faces, and the start of its IR-50 stem.
TRANSFER = dataclasses.replace(
    PLAIN,
    stages=((112, 40),),
    batch_size=64,
    optimizer="sgd",
    learning_rate=1e-3,
    weight_decay=1e-4,
    schedule="step",
    step_epochs=(15, 30),
    augmentation=Augmentation(rand_augment=5.0, border="black", erasing=0.5),
)

# Farzaneh, Qi, "Facial Expression Recognition in the Wild via Deep Attentive Center Loss", WACV
# 2021, section 4. Its centre loss is the network's own. The augmentation is that of the authors'
# program, whose crop of 224 px takes a corner or the centre of 256, and here any place.
DACL = dataclasses.replace(
    PLAIN,
    stages=((224, 60),),
    batch_size=64,
    optimizer="sgd",
    learning_rate=0.01,
    weight_decay=5e-4,
    schedule="step",
    step_epochs=(20, 40),
    augmentation=Augmentation(flip=True, magnify=256 / 224, shift=16 / 224),
)


def _trained(base: Recipe, accuracy: float, name: str, **changes: Any) -> Recipe:
    recipe = dataclasses.replace(base, name=name, model=name, expected_accuracy=accuracy)
    return dataclasses.replace(recipe, **changes)


BY_SOURCE: dict[str, list[Recipe]] = {
    "Safavi et al., BSN 2023, FER2013": [
        _trained(SAFAVI, 0.7347, "mit_b0_fusion"),
        _trained(SAFAVI, 0.7263, "resattnet56"),
        _trained(SAFAVI, 0.7316, "densenet121"),
        _trained(SAFAVI, 0.7322, "resnet152"),
        _trained(SAFAVI, 0.7339, "cbam_resnet50"),
        _trained(SAFAVI, 0.7414, "resmaskingnet"),
    ],
    "project S1, FER2013": [_trained(S1, 0.664, "efficientnet_b0_gray", drop_path=0.2)],
    "project S2, AffectNet": [
        _trained(S2, 0.4839, "t_net", batch_size=512, stages=((224, 30),)),
        _trained(S2, 0.5758, "squeezenet1_1", batch_size=128, stages=((224, 30),)),
        _trained(
            S2,
            0.4897,
            "mobilenet_v3_small",
            batch_size=512,
            stages=((224, 12),),
            augmentation=Augmentation(flip=True, grid_distortion=0.2),
        ),
        _trained(
            S2, 0.6769, "efficientnet_b0_va", batch_size=32, stages=((224, 12),), drop_path=0.2
        ),
    ],
    "project S3, FER2013": [
        _trained(S3, 0.4977, "alexnet"),
        _trained(S3, 0.6619, "vggnet_lee"),
        _trained(S3, 0.6673, "resnet50_gray"),
        _trained(S3, 0.6758, "transfer_lite"),
        _trained(S3, 0.6908, "dacl_lite"),
        _trained(S3, 0.2552, "cnn_transformer"),
    ],
    "project S4, FER2013": [
        _trained(S4, 0.724, "khaireddin_vgg"),
        _trained(S4, 0.7024, "vgg16", stages=((40, 100),)),
        _trained(S4, 0.7088, "resnet50_40", stages=((40, 100),)),
        _trained(S4, 0.6943, "efficientnet_b3", stages=((40, 100),), drop_path=0.2),
    ],
    "Xue et al., ICCV 2021, RAF-DB": [_trained(TRANSFER, 0.9091, "transfer")],
    "Farzaneh and Qi, WACV 2021, RAF-DB": [_trained(DACL, 0.8778, "dacl")],
}
"""By source."""

PUBLISHED: dict[str, Recipe] = {
    recipe.name: recipe for recipes in BY_SOURCE.values() for recipe in recipes
}
"""By the network's name."""

TUNED: dict[str, Recipe] = {
    # S4 goes on from its best network. Its other schedule is `--schedule cosine`.
    "khaireddin_vgg_tuned": dataclasses.replace(
        S4,
        name="khaireddin_vgg_tuned",
        model="khaireddin_vgg",
        weights="runs/khaireddin_vgg",
        stages=((40, 50),),
        learning_rate=1e-4,
        schedule="warm_restarts",
        schedule_every="epoch",
        cycle_epochs=10,
        min_learning_rate=1e-6,
    ),
}
"""What goes on from a run of a published recipe."""
