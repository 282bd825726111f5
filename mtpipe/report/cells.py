"""A table in the form that the page and the Markdown file share, and how its numbers are written."""

import html
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """What a cell says; `interval` is its bracket, `mark` what was found, `order` sorts it, `link` leads on."""

    text: str
    interval: str = ""
    mark: str = ""
    order: float | None = None
    link: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.text, self.interval, self.mark) if part)


Row = tuple[str, list[Cell]]
"""A row's label, an arm's name as a rule, and its cells."""


@dataclass(frozen=True)
class Table:
    """Groups of rows under one header; `columns` leaves out the label's column, which is called `label`."""

    title: str
    note: str
    label: str
    columns: list[str]
    groups: list[tuple[str, list[Row]]]


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def signed(share: float) -> str:
    """In percentage points, with a real minus sign and no sign at 0."""
    text = f"{100 * share:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


def bracket(low: str, high: str) -> str:
    """An interval; nothing if it has no width, because equal values cannot tell how far others would move."""
    return f"[{low}, {high}]" if low != high else ""


def listing(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def as_markdown(table: Table) -> str:
    """The table with its title and note; the groups' titles become the first column."""
    header = ["", table.label, *table.columns]
    lines = [f"## {table.title}", "", table.note, "", _markdown_row(header), _markdown_row(["---"] * len(header))]
    for title, rows in table.groups:
        lines += [_markdown_row([title, label, *map(str, cells)]) for label, cells in rows]
    return "\n".join(lines) + "\n"


def _markdown_row(cells: list[str]) -> str:
    """Cells whose text can neither end the row nor become HTML."""
    escaped = (html.escape(" ".join(cell.split()), quote=False).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
