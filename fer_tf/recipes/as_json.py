"""A recipe as JSON, as every run folder holds it.

Plain Python without imports of any framework, so that the command line answers at once.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import typing
from typing import Any, Literal

from fer_tf.errors import FerError
from fer_tf.recipes.checking import check
from fer_tf.recipes.schema import Recipe


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
