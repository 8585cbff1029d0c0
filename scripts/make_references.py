"""Write the small files that tests compare the package with: what PyTorch's implementations give.

    python scripts/make_references.py

It needs an environment of its own, with torch, torchvision, timm and fvcore, without this package.
It writes tests/models/references/. No weights are written: they are drawn, by
`tests/models/drawn_weights.py`, on both sides.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import fvcore.nn
import numpy as np
import timm
import torch
import torchvision
from torch import nn

TESTS = Path(__file__).parent.parent / "tests" / "models"
sys.path.insert(0, str(TESTS))

from drawn_weights import drawn_pictures, drawn_weight  # noqa: E402

COUNTED = ("conv", "linear", "addmm", "matmul", "bmm", "einsum")
"""fvcore's operators that are multiply-adds; it counts norms and poolings, too."""

ANY = (64, 50)
"""(height, width) in pixels for networks of any size: the halves of 50 are odd now and then."""


@dataclass(frozen=True)
class Reference:
    """A network of the registry, as PyTorch has it.

    Attributes:
        build: makes the network, from [n, c, h, w] to logits or (logits, values).
        counted: (height, width, channels) of its published input, at which it is counted.
        size: at which its answers are given.
        scale: (scale, offset) of pixels in [0, 255].
    """

    build: Callable[[], nn.Module]
    counted: tuple[int, int, int]
    size: tuple[int, int] = ANY
    scale: tuple[float, float] = (1 / 127.5, -1.0)


class Answers(nn.Module):
    """A network of features with two heads: logits, and values by tanh."""

    def __init__(self, features: nn.Module, logits: nn.Module, values: nn.Module):
        super().__init__()
        self.features, self.logits, self.values = features, logits, values

    def forward(self, images):
        features = self.features(images).mean((2, 3))
        return self.logits(features), torch.tanh(self.values(features))


def resnet(name: str, channels: int = 3, stem: nn.Module | None = None) -> nn.Module:
    network = getattr(torchvision.models, name)(num_classes=7)
    if channels == 1:
        network.conv1 = stem or nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    return network


def alexnet() -> nn.Module:
    network = torchvision.models.alexnet(num_classes=7)
    network.features[0] = nn.Conv2d(1, 64, 11, 4, 2)
    return network


def vgg16() -> nn.Module:
    network = torchvision.models.vgg16(num_classes=7)
    network.features[0] = nn.Conv2d(1, 64, 3, padding=1)
    return network


def khaireddin() -> nn.Module:
    """From the paper's text; PyTorch has no such network."""
    layers: list[nn.Module] = []
    before = 1
    for width in (64, 128, 256, 512):
        for channels in (before, width):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
        before = width
    layers += [nn.AdaptiveAvgPool2d(2), nn.Flatten()]
    for inputs in (2048, 4096):
        layers += [nn.Linear(inputs, 4096), nn.ReLU(), nn.Dropout(0.2)]
    return nn.Sequential(*layers, nn.Linear(4096, 7))


def squeezenet() -> nn.Module:
    heads = [nn.Sequential(nn.Dropout(), nn.Linear(512, width)) for width in (8, 2)]
    return Answers(torchvision.models.squeezenet1_1().features, *heads)


def mobilenet() -> nn.Module:
    whole = timm.create_model("tf_mobilenetv3_small_100")
    features = nn.Sequential(whole.conv_stem, whole.bn1, whole.blocks)
    heads = [
        nn.Sequential(nn.Linear(576, 1024), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(1024, width))
        for width in (8, 2)
    ]
    return Answers(features, *heads)


def efficientnet_with_values() -> nn.Module:
    whole = timm.create_model("tf_efficientnet_b0")
    features = nn.Sequential(whole.conv_stem, whole.bn1, whole.blocks, whole.conv_head, whole.bn2)
    heads = [nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, width)) for width in (8, 2)]
    return Answers(features, *heads)


UNIT = (1 / 255, 0.0)
COLOUR, GREY = (224, 224, 3), (224, 224, 1)
NETWORKS = {
    "alexnet": Reference(alexnet, GREY, (96, 130), UNIT),
    "densenet121": Reference(partial(torchvision.models.densenet121, num_classes=7), COLOUR),
    "efficientnet_b0_gray": Reference(
        partial(timm.create_model, "tf_efficientnet_b0", num_classes=7, in_chans=1), (48, 48, 1)
    ),
    "efficientnet_b0_va": Reference(efficientnet_with_values, COLOUR),
    "efficientnet_b3": Reference(
        partial(timm.create_model, "tf_efficientnet_b3", num_classes=7), (40, 40, 3)
    ),
    "khaireddin_vgg": Reference(khaireddin, (40, 40, 1), (40, 40)),
    "mobilenet_v3_small": Reference(mobilenet, COLOUR),
    "resnet152": Reference(partial(resnet, "resnet152"), COLOUR),
    "resnet50_40": Reference(
        partial(resnet, "resnet50", 1, nn.Conv2d(1, 64, 3, padding=1)), (40, 40, 1), (40, 40)
    ),
    "resnet50_gray": Reference(partial(resnet, "resnet50", 1), GREY, ANY, UNIT),
    "squeezenet1_1": Reference(squeezenet, COLOUR),
    "vgg16": Reference(vgg16, (40, 40, 1), (40, 40)),
    "vggnet_lee": Reference(khaireddin, GREY, ANY, UNIT),
}


def main() -> None:
    """One file a network: its count of weights, its multiply-adds, and what it answers."""
    for name, reference in NETWORKS.items():
        network = reference.build().eval()
        draw_into(network)
        *size, channels = reference.counted
        operators = fvcore.nn.FlopCountAnalysis(network, torch.zeros(1, channels, *size))
        operators.unsupported_ops_warnings(False)
        pictures = drawn_pictures(reference.size, channels).transpose(0, 3, 1, 2)
        scale, offset = reference.scale
        with torch.no_grad():
            answers = network(torch.from_numpy(pictures * scale + offset).float())
        outputs = answers if isinstance(answers, tuple) else (answers,)
        facts = {
            "size": reference.size,
            "parameters": sum(each.numel() for each in network.parameters()),
            "multiply_adds": int(sum(operators.by_operator()[key] for key in COUNTED)),
            "outputs": dict(
                zip(("logits", "values"), (each.tolist() for each in outputs), strict=False)
            ),
        }
        write(TESTS / "references" / f"{name}.json", facts)


def draw_into(network: nn.Module) -> None:
    """Set each array of a network to what is drawn for its index."""
    state = network.state_dict()
    names = [name for name in state if not name.endswith("num_batches_tracked")]
    for index, name in enumerate(names):
        shape = tuple(state[name].shape)
        kinds = {"bias": "bias", "running_mean": "mean", "running_var": "variance"}
        kind = kinds.get(name.rpartition(".")[2], "kernel" if len(shape) > 1 else "gamma")
        state[name].copy_(torch.from_numpy(drawn_weight(index, kind, shape)))


def write(path: Path, facts: dict[str, Any]) -> None:
    """Write a reference as JSON, with the versions that it comes from."""
    modules = (torch, torchvision, timm, np)
    versions = {module.__name__: module.__version__.partition("+")[0] for module in modules}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**facts, "versions": versions}, indent=1) + "\n", encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
