"""`python -m mtpipe rollouts`: judged rollouts for the offline tools of TRL and verl."""

import argparse
from pathlib import Path
from typing import Any


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    summary = "write the judged rollouts of all rounds as Parquet files that TRL and verl read; data/README.md"
    parser: argparse.ArgumentParser = parsers.add_parser("rollouts", help=summary, description=summary)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--right-only", action="store_true", help="leave out responses that were judged wrong")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.export_rollouts import export_rollouts

    for name, rows in export_rollouts(arguments.folder, arguments.right_only).items():
        print(f"{arguments.folder / f'{name}.parquet'}: {rows} rows")
