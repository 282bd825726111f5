"""Values as JSON and back: what a judging process is told. Only the classes and fields named here come out of it."""

import dataclasses
from fractions import Fraction
from typing import Any, get_args

from mtpipe.verify.values.formula import Formula
from mtpipe.verify.values.kinds import Unit, Value

_CLASSES = {one.__name__: one for one in (*get_args(Value), Unit, Formula)}


def encode(value: Any) -> Any:
    """A value, and all in it, as JSON knows it; a fraction is `{"f": "3/7"}`."""
    if dataclasses.is_dataclass(value):
        fields = {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"class": type(value).__name__, **fields}
    if isinstance(value, Fraction):
        return {"f": f"{value.numerator:x}/{value.denominator:x}"}
    return [encode(part) for part in value] if isinstance(value, tuple) else value


def decode(data: Any) -> Any:
    """The value again. Raises KeyError or TypeError for what `encode` does not write."""
    if isinstance(data, list):
        return tuple(map(decode, data))
    if not isinstance(data, dict):
        return data
    if "f" in data:
        top, _, bottom = data["f"].partition("/")
        return Fraction(int(top, 16), int(bottom, 16))
    return _CLASSES[data["class"]](**{name: decode(part) for name, part in data.items() if name != "class"})
