"""`python -m mtpipe new`: the first lines of a class of one's own."""

import argparse
from typing import Any

from mtpipe.commands import add_command


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    parser = add_command(parsers, "new", "write a skeleton of your own rule, schedule, … with its test into plugins/")
    parser.add_argument("kind", help="rule, schedule, spread, controller, task, loss or reward")
    parser.add_argument("name", help="falling_rule, say: plugins/falling_rule.py with the class FallingRule")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.errors import MtpipeError
    from mtpipe.skeletons.write import KINDS, write_skeleton

    if arguments.kind not in KINDS:
        raise MtpipeError(f"there is no kind {arguments.kind!r}; take one of {', '.join(KINDS)}")
    print(write_skeleton(arguments.kind, arguments.name))
