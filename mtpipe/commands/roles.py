"""`python -m mtpipe roles`: how well an entropy threshold finds the tokens that choose."""

import argparse
from pathlib import Path
from typing import Any

from mtpipe.commands import add_command


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    summary = "how well an entropy threshold finds the tokens that choose (task arithmetic)"
    parser = add_command(parsers, "roles", summary)
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE", help="default: round 0 of the first arm's runs")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe import paths
    from mtpipe.measure.roles import format_roles, read_roles
    from mtpipe.params import load_params

    params = load_params(arguments.params)
    files = arguments.files or [paths.rollouts(params.arms[0], seed, params.rounds[0].n) for seed in params.seeds]
    print(format_roles(read_roles(files, paths.TRAIN)))
