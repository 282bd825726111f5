"""`python -m mtpipe export`: a policy as a folder that other programs load, with its model card."""

import argparse
from pathlib import Path
from typing import Any

from mtpipe.commands import add_command


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    parser = add_command(parsers, "export", "write a policy as a checkpoint or adapter, with a model card")
    parser.add_argument("--arm", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--round", type=int, help="the policy that this round samples from; default: the last policy")
    parser.add_argument("--merge", action="store_true", help="add an adapter to its base's weights")
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder that is not there yet")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.export.exporting import export
    from mtpipe.params import load_params

    params = load_params(arguments.params)
    export(params, arguments.arm, arguments.seed, arguments.folder, arguments.round, arguments.merge)
    print(f"{arguments.folder}: loads with transformers; README.md says what it is and how else to load it")
