"""The numbers among some metrics, under names that MLflow takes."""

import re
from collections.abc import Iterator, Mapping
from typing import Any


def numbers(found: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers among some metrics; texts, flags and tables are left out."""
    for key, value in found.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield safe(key), value


def safe(name: str) -> str:
    """A name with only such characters as MLflow takes in a metric's."""
    return re.sub(r"[^\w.\- ]", "_", name, flags=re.ASCII)
