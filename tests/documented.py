"""What data/README.md says of the files that stages write, and whether it is so."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders import ROOT

_SHARED = {
    "STEP_KEY": ("metrics/ARM/seedS/roundN.json", "steps[]."),
    "MISMATCH_KEY": ("metrics/ARM/seedS/roundN.json", "mismatch[]."),
    "SCORE_KEY": ("report/tables.json", "arms.ARM.BENCHMARK."),
}
"""Keys that stand for those of another table, which begin in some way."""
INTERVAL = {"mean", "low", "high", "seed_error", "problem_error", "seeds", "problems"}


@dataclass(frozen=True)
class Row:
    """A column or key as its table has it."""

    name: str
    type: str
    always: bool

    def matches(self, key: str) -> bool:
        """Whether a key of a JSON file is this one; names in capitals stand for any."""
        return bool(re.fullmatch(re.sub(r"\b[A-Z_]+\b", r"[^.\\[\\]]+", re.escape(self.name)), key))


def tables() -> dict[str, list[Row]]:
    """The tables of data/README.md by the file in their heading."""
    found: dict[str, list[Row]] = {}
    heading = ""
    for line in (ROOT / "data" / "README.md").read_text().splitlines():
        if line.startswith("### "):
            heading = line.removeprefix("### ")
        elif (row := re.match(r"\| (\*?)`([^`]+)`\*? \| ([^|]*)\|", line)) and heading:
            found.setdefault(heading, []).append(Row(row[2], row[3].strip(), not row[1]))
    return found


def contradictions(file: str, content: Any) -> list[str]:
    """How a JSON file's keys and types differ from the table of data/README.md."""
    rows = tables()[file]
    for generic, (table, prefix) in _SHARED.items():
        known = [row for row in tables()[table] if row.name.startswith(prefix)]
        for row in [row for row in rows if row.name.endswith(generic)]:
            rows = [each for each in rows if each is not row]
            rows += [Row(row.name.replace(generic, each.name.removeprefix(prefix)), each.type, False) for each in known]
    seen: set[str] = set()
    faults = []
    rows_of: dict[str, list[Row]] = {}  # a list's entries all have the same keys
    for key, value in _leaves(content):
        if key not in rows_of:
            rows_of[key] = [row for row in rows if row.matches(key)]
        fitting = rows_of[key]
        if not fitting:
            faults.append(f"{file}: {key} stands in no table")
        elif value is not None and not any(_fits(value, row.type) for row in fitting):
            faults.append(f"{file}: {key} is {value!r}, and not {fitting[0].type}")
        seen |= {row.name for row in fitting}
    faults += [f"{file}: {row.name} is nowhere in the file" for row in rows if row.always and row.name not in seen]
    return sorted(set(faults))


def _fits(value: Any, kind: str) -> bool:
    if kind == "interval":
        return isinstance(value, dict)
    return type(value).__name__ == kind or (kind == "float" and type(value) is int)


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a JSON file with their keys, `a.b[].c` say; an interval is a value."""
    if isinstance(value, dict) and not value.keys() >= INTERVAL:
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, f"{key}[]")
    else:
        yield key, value


def json_files(project: Path) -> list[tuple[str, Path]]:
    """The JSON files of a project that has run, each with its heading in data/README.md."""
    places = {
        "metrics/ARM/seedS/roundN.json": "data/metrics/*/*/round*.json",
        "runs/ARM/seedS/roundN/steps.json": "data/runs/*/*/*/steps.json",
        "warm_start/curve.json": "data/warm_start/curve.json",
        "problems/sources.json": "data/problems/sources.json",
        "report/metrics.json": "report/metrics.json",
        "report/tables.json": "report/tables.json",
    }
    return [(heading, path) for heading, pattern in places.items() for path in sorted(project.glob(pattern))]
