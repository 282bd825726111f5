"""`python -m mtpipe use`: a profile's settings in params.yaml."""

import argparse
from typing import Any

from mtpipe.commands import add_command


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    parser = add_command(parsers, "use", "write a profile's settings into params.yaml")
    parser.add_argument("profile", nargs="?", help="a name in profiles/, a file, or `default`; left out: list them")
    parser.add_argument("--check", action="store_true", help="say how params.yaml differs from the shipped one")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.profiles import describe_differences, list_profiles, use

    if arguments.check:
        print(describe_differences(arguments.params))
    elif arguments.profile is None:
        print(list_profiles())
    else:
        print(use(arguments.profile, arguments.params))
