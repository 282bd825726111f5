"""`python -m mtpipe prune`: less disk for old policies."""

import argparse
from typing import Any

from mtpipe.commands import add_command


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    parser = add_command(parsers, "prune", "free the disk of old rounds' policies")
    parser.add_argument("--keep", type=int, required=True, metavar="N", help="each run's last N policies stay")
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and touch nothing")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.budget.pruning import prune
    from mtpipe.params import load_params

    print(prune(load_params(arguments.params), arguments.keep, arguments.dry_run).describe(arguments.dry_run))
