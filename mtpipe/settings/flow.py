"""Settings as one line of YAML: for params.yaml, for tables, and for what is printed."""

import re
from typing import Any

from ruamel.yaml import YAML

_PLAIN = re.compile(r"[A-Za-z_./][\w./\\-]*")
_SMALLEST = 0.01
"""Numbers below are written with an exponent: 3.0e-3."""


def flow(value: Any) -> str:
    """A value in YAML's flow style, which reads back as the same value."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float() if 0 < abs(value) < _SMALLEST:
            shortest = next(text for places in range(1, 18) if float(text := f"{value:.{places}e}") == value)
            digits, exponent = shortest.split("e")
            return f"{digits}e{int(exponent)}"
        case float() | int():
            return repr(value)
        case dict():
            return "{" + ", ".join(f"{flow(key)}: {flow(each)}" for key, each in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(flow, value)) + "]"
        case str() if _PLAIN.fullmatch(value) and YAML(typ="safe", pure=True).load(value) == value:
            return value
        case _:
            escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
            return '"' + "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in escaped) + '"'
