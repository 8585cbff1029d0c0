"""What the sources state, as data: `published/*.csv`, never mixed with what is measured here."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

TABLES = ("sources", "networks", "figures", "schedules", "recipes")
"""The files, in the order in which they are printed."""


@dataclass(frozen=True)
class PublishedNetwork:
    """A network as its source tells it.

    Attributes:
        row: its number in the table.
        network: its name in the registry.
        source: of the table of sources.
        title: the source's name for it.
        input: (height, width, channels).
        classes: how many it tells apart.
        parameters: trainable weights, counted from the source's description of the layers; None
            where the source does not describe them, or in two ways.
        accuracy: that the source states, 0..1: the least of a range.
        accuracy_high: the greatest of a range; else the same.
        data: what the accuracy is of.
        note: what has to be known about it, or "".
    """

    row: int
    network: str
    source: str
    title: str
    input: tuple[int, int, int]
    classes: int
    parameters: int | None
    accuracy: float
    accuracy_high: float
    data: str
    note: str


@dataclass(frozen=True)
class PublishedFigure:
    """Another number that a source states.

    Attributes:
        source: of the table of sources.
        network: its name in the registry, or "" for all of the source's.
        quantity: what the number is of.
        value: the number; None where the quantity as such is doubted.
        unit: of the number, or "".
        doubt: why it cannot be right, or "".
    """

    source: str
    network: str
    quantity: str
    value: float | None
    unit: str
    doubt: str

    @property
    def number(self) -> str:
        """The value with its unit, or ""."""
        return "" if self.value is None else f"{self.value:,.10g} {self.unit}".strip()


@cache
def read_table(name: str) -> tuple[dict[str, str], ...]:
    """One of `TABLES` as text: a mapping for each row."""
    text = files("fer_tf.comparing").joinpath(f"published/{name}.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def published_networks() -> Mapping[str, PublishedNetwork]:
    """The networks by their names in the registry."""
    return {
        row["network"]: PublishedNetwork(
            row=int(row["row"]),
            network=row["network"],
            source=row["source"],
            title=row["title"],
            input=_shape(row["input"]),
            classes=int(row["classes"]),
            parameters=int(row["parameters"]) if row["parameters"] else None,
            accuracy=float(row["accuracy"]) / 100,
            accuracy_high=float(row["accuracy_high"] or row["accuracy"]) / 100,
            data=row["data"],
            note=row["note"],
        )
        for row in read_table("networks")
    }


def published_figures() -> list[PublishedFigure]:
    """All other numbers."""
    return [
        PublishedFigure(**{**row, "value": float(row["value"]) if row["value"] else None})  # type: ignore[arg-type]
        for row in read_table("figures")
    ]


def published_schedules() -> Mapping[tuple[str, str], float]:
    """By network and schedule, the accuracy that was reached with it, 0..1."""
    return {
        (row["network"], row["schedule"]): float(row["accuracy"]) / 100
        for row in read_table("schedules")
    }


def whole_network(name: str) -> str:
    """The published network that a registered one is, or is a smaller variant of by its name.

    That of "khaireddin_vgg_quarter" is "khaireddin_vgg"; a name that is neither comes back.
    """
    known = published_networks()
    if name in known:
        return name
    return next((whole for whole in known if name.startswith(f"{whole}_")), name)


def stated(network: str, quantity: str) -> PublishedFigure | None:
    """A number of `published_figures`; None where no source states it."""
    figures = published_figures()
    return next((f for f in figures if (f.network, f.quantity) == (network, quantity)), None)


def stated_parameters(network: str) -> int | None:
    """Weights as the source counts them, else as they are counted from its description."""
    figure = stated(network, "parameters")
    if figure is not None and figure.value is not None:
        return round(figure.value * (1e6 if figure.unit == "M" else 1))
    return published_networks()[network].parameters


def remarks(network: str) -> list[str]:
    """What has to be known about a network's published figures, as sentences."""
    row = published_networks().get(network)
    if row is None:
        return []
    source = next(each for each in read_table("sources") if each["source"] == row.source)
    told = [f"{row.source}: {row.note}"] if row.note else []
    told += [
        f"{each.source}, {each.quantity} {each.number}".strip() + f": {each.doubt}"
        for each in published_figures()
        if each.doubt and each.source == row.source and each.network in (network, "")
    ]
    if row.data != "FER2013":
        told.append(f"{row.source}'s accuracy is of {row.data}, with {row.classes} classes")
    if source["remark"]:
        told.append(f"{row.source}: {source['remark']}")
    return told


def published_as_tables() -> list[Table]:
    """What `compare --published` prints."""
    from rich.table import Table

    tables = []
    for name in TABLES:
        rows = read_table(name)
        table = Table(title=f"published: {name}", title_justify="left", box=None, show_lines=True)
        for column in rows[0]:
            # Sentences are broken into lines, names and numbers never.
            sentences = any(" " in row[column] for row in rows)
            table.add_column(
                column.replace("_", " "),
                no_wrap=not sentences,
                min_width=16 if sentences else None,
            )
        for row in rows:
            table.add_row(*row.values())
        tables.append(table)
    return tables


def _shape(text: str) -> tuple[int, int, int]:
    height, width, channels = map(int, text.split("x"))
    return height, width, channels
