"""`python -m mtpipe prune`: less disk for old policies."""

import argparse
from typing import Any

from mtpipe.commands import add_command
from mtpipe.errors import MtpipeError


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    parser = add_command(parsers, "prune", "free the disk of old rounds' policies")
    parser.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="each run's last N policies stay as they are; 0: of the last its weights alone; default: storage.keep",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and touch nothing")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.params import load_params
    from mtpipe.run.study.pruning import prune

    keep = load_params(arguments.params).storage.keep if arguments.keep is None else arguments.keep
    if keep is None or keep < 0:
        raise MtpipeError(
            f"--keep is {'missing, and storage.keep null' if keep is None else keep}; expected how many of each run's "
            f"last policies stay, from 0 (of the last its weights alone)"
        )
    print(prune(keep, arguments.dry_run).describe(arguments.dry_run))
