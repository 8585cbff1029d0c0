"""Write what PyTorch's optimisers and schedules do, for tests/training/test_torch_references.py.

    python scripts/make_optimizer_references.py tests/training/torch_references.npz

Needs PyTorch and NumPy, and nothing else. The problem is a regression by two dense layers with tanh
between them, and the file holds its data, its first weights, each case as the fields of our recipe,
and the weights after each of 50 steps.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import lr_scheduler

STEPS = 50
EPOCHS = 30
ACCURACIES = [0.30, 0.40, 0.41, 0.41, 0.40, 0.40, 0.41, 0.42, 0.42, 0.42, 0.42, 0.43, 0.42, 0.42]
"""Of validation, for plateau; an accuracy as good as the best is none better."""

SGD, Adam = torch.optim.SGD, torch.optim.Adam
Made = Callable[[list[nn.Parameter]], torch.optim.Optimizer]
CASES: dict[str, tuple[Made, dict[str, Any]]] = {
    "momentum": (
        lambda w: SGD(w, lr=0.05, momentum=0.9),
        {"optimizer": "sgd", "learning_rate": 0.05, "weight_decay": 0.0},
    ),
    "no momentum": (
        lambda w: SGD(w, lr=0.1, weight_decay=0.05),
        {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.05},
    ),
    "momentum and decay": (
        lambda w: SGD(w, lr=0.05, momentum=0.9, weight_decay=0.05),
        {"optimizer": "sgd", "learning_rate": 0.05, "weight_decay": 0.05},
    ),
    "nesterov": (
        lambda w: SGD(w, lr=0.05, momentum=0.9, weight_decay=0.05, nesterov=True),
        {"optimizer": "nesterov", "learning_rate": 0.05, "weight_decay": 0.05},
    ),
    "averaged": (
        lambda w: torch.optim.ASGD(w, lr=0.1, weight_decay=0.05, lambd=0.01, alpha=0.7, t0=20),
        {
            "optimizer": "averaged_sgd",
            "learning_rate": 0.1,
            "weight_decay": 0.05,
            "average_decay": 0.01,
            "average_power": 0.7,
            "average_start": 20,
        },
    ),
    "averaged by default": (
        lambda w: torch.optim.ASGD(w, lr=0.1),
        {"optimizer": "averaged_sgd", "learning_rate": 0.1, "weight_decay": 0.0},
    ),
    "adam": (
        lambda w: Adam(w, lr=0.01, weight_decay=0.05),
        {"optimizer": "adam", "learning_rate": 0.01, "weight_decay": 0.05},
    ),
    "adam, clipped by value": (
        lambda w: Adam(w, lr=0.01, weight_decay=0.05),
        {"optimizer": "adam", "learning_rate": 0.01, "weight_decay": 0.05, "clip_value": 0.1},
    ),
    "amsgrad": (
        lambda w: Adam(w, lr=0.05, weight_decay=0.05, amsgrad=True),
        {"optimizer": "amsgrad", "learning_rate": 0.05, "weight_decay": 0.05},
    ),
    # Biases apart, which our recipes spare from the decay.
    "adamw": (
        lambda w: torch.optim.AdamW(
            [{"params": w[::2]}, {"params": w[1::2], "weight_decay": 0.0}],
            lr=0.01,
            weight_decay=0.5,
        ),
        {"optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.5},
    ),
    "adadelta": (
        lambda w: torch.optim.Adadelta(w, lr=1.0, weight_decay=0.05),
        {"optimizer": "adadelta", "learning_rate": 1.0, "weight_decay": 0.05},
    ),
    "adagrad": (
        lambda w: torch.optim.Adagrad(w, lr=0.1, weight_decay=0.05),
        {"optimizer": "adagrad", "learning_rate": 0.1, "weight_decay": 0.05},
    ),
}
"""By name: the optimiser, and the fields of our recipe that say the same."""

MOVED = {
    "step": (
        lambda o: lr_scheduler.MultiStepLR(o, milestones=[20, 35], gamma=0.1),
        {"schedule": "step", "step_epochs": [20, 35]},
    ),
    "one_cycle": (
        lambda o: lr_scheduler.OneCycleLR(o, max_lr=o.defaults["lr"], total_steps=STEPS),
        {"schedule": "one_cycle"},
    ),
}
"""Schedules under which some of the optimisers walk as well, one step an epoch."""

SCHEDULES: dict[str, tuple[Callable[[torch.optim.Optimizer], Any], dict[str, Any]]] = {
    "step": (
        lambda o: lr_scheduler.MultiStepLR(o, milestones=[15, 25], gamma=0.1),
        {"schedule": "step", "step_epochs": [15, 25]},
    ),
    "step of 10": (
        lambda o: lr_scheduler.StepLR(o, 10, gamma=0.75),
        {"schedule": "step", "step_epochs": [10, 20], "step_factor": 0.75},
    ),
    "cosine": (
        lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=EPOCHS, eta_min=1e-3),
        {"schedule": "cosine", "min_learning_rate": 1e-3},
    ),
    "one_cycle": (
        lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.1, total_steps=EPOCHS),
        {"schedule": "one_cycle"},
    ),
    "warm_restarts": (
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=7, eta_min=1e-3),
        {"schedule": "warm_restarts", "cycle_epochs": 7, "min_learning_rate": 1e-3},
    ),
    "longer_restarts": (
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=2, T_mult=2),
        {
            "schedule": "warm_restarts",
            "cycle_epochs": 2,
            "cycle_factor": 2,
            "min_learning_rate": 0.0,
        },
    ),
    "plateau": (
        lambda o: lr_scheduler.ReduceLROnPlateau(o, "max", factor=0.75, patience=2),
        {"schedule": "plateau", "plateau_factor": 0.75, "plateau_patience": 2},
    ),
}
"""By name: a schedule from a learning rate of 0.1, and the fields of our recipe."""


def problem() -> dict[str, np.ndarray]:
    """Inputs [16, 4], targets [16, 2] and the weights of 4-3-2 units, float32."""
    drawn = np.random.default_rng(0)
    shapes = {"inputs": (16, 4), "targets": (16, 2)}
    shapes |= {"kernel1": (4, 3), "bias1": (3,), "kernel2": (3, 2), "bias2": (2,)}
    return {name: drawn.normal(0, 0.7, shape).astype("float32") for name, shape in shapes.items()}


def walk(
    made: Made, given: dict[str, np.ndarray], clip: float | None, schedule: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """The weights after each step, float32 [50, 23], and their average where there is one."""
    names = ("kernel1", "bias1", "kernel2", "bias2")
    weights = [nn.Parameter(torch.tensor(given[name])) for name in names]
    inputs, targets = torch.tensor(given["inputs"]), torch.tensor(given["targets"])
    optimizer = made(weights)
    scheduler = schedule(optimizer) if schedule else None
    path, means = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        hidden = torch.tanh(inputs @ weights[0] + weights[1])
        nn.functional.mse_loss(hidden @ weights[2] + weights[3], targets).backward()
        if clip:
            nn.utils.clip_grad_value_(weights, clip)
        optimizer.step()
        if scheduler:
            scheduler.step()
        path.append(torch.cat([w.detach().flatten() for w in weights]).numpy())
        if isinstance(optimizer, torch.optim.ASGD):
            means.append(torch.cat([optimizer.state[w]["ax"].flatten() for w in weights]).numpy())
    return np.array(path), np.array(means)


def rates(schedule: Any, name: str) -> list[list[float]]:
    """Learning rate and momentum in each epoch."""
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)
    scheduler = schedule(optimizer)
    found = []
    for epoch in range(len(ACCURACIES) if name == "plateau" else EPOCHS):
        group = optimizer.param_groups[0]
        found.append([group["lr"], group["momentum"]])
        optimizer.step()
        scheduler.step(*([ACCURACIES[epoch]] if name == "plateau" else []))
    return found


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    file = parser.parse_args().file
    torch.manual_seed(0)
    given = problem()
    arrays, settings = dict(given), {}
    for name, (made, fields) in CASES.items():
        moves = {name: (None, {})}
        if name in ("momentum and decay", "nesterov", "adam", "amsgrad"):
            moves |= {f"{name}, {key}": value for key, value in MOVED.items()}
        for full, (schedule, more) in moves.items():
            path, means = walk(made, given, fields.get("clip_value"), schedule)
            arrays[f"path {full}"], settings[full] = path, fields | more
            if len(means):
                arrays[f"means {full}"] = means
    schedules = {
        name: {"fields": fields, "rates": rates(made, name)}
        for name, (made, fields) in SCHEDULES.items()
    }
    text = json.dumps(
        {
            "torch": torch.__version__,
            "cases": settings,
            "schedules": schedules,
            "accuracies": ACCURACIES,
        }
    )
    np.savez_compressed(file, settings=np.frombuffer(text.encode(), np.uint8), **arrays)


if __name__ == "__main__":
    main()
