"""The commands beside the pipeline, `python -m mtpipe NAME`: a file each, which mtpipe/__main__.py finds by its name.

A file has `add_parser`, which adds the command with its arguments, and `main`, which runs it and prints. What it does
stands in another package, so that it can be used without a command line. Read any: `temperatures`, `use`, `budget`,
`cost`, `look`, `roles`, `grade`, `track`, `register`, `check`, `doctor`,
`prune`, `run`, `parity`, `strays`, `new`, `rollouts`, `compare`, `contrast`, `scores`, `export`.

Must not import: torch, numpy, pyarrow, pydantic, mlflow, dvc: `--help` imports every file of this folder, so `main`
imports what it needs.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


def add_command(parsers: Any, name: str, summary: str) -> argparse.ArgumentParser:
    """A command that reads a params.yaml."""
    parser: argparse.ArgumentParser = parsers.add_parser(name, help=summary, description=summary)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: params.yaml")
    return parser


def positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    """The type of an argument: a finite number above 0."""

    def convert(text: str) -> float:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value

    convert.__name__ = kind.__name__
    return convert
