"""`python -m mtpipe use`: a profile's settings in params.yaml."""

import argparse
from typing import Any

from mtpipe.commands import add_command
from mtpipe.errors import MtpipeError


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    parser = add_command(parsers, "use", "write a profile's settings into params.yaml")
    parser.add_argument("profile", nargs="?", help="a name in profiles/, a file, or `default`; left out: list them")
    parser.add_argument("--check", action="store_true", help="say how params.yaml differs from the shipped one")
    parser.add_argument(
        "-S",
        "--set-param",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another value than the profile's, as task.right_order=0.2; may be given several times",
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.profiles import describe_differences, list_profiles, use

    if arguments.set_param and (arguments.check or arguments.profile is None):
        raise MtpipeError("-S changes the settings of a profile; name one, for example: default")
    if arguments.check:
        print(describe_differences(arguments.params))
    elif arguments.profile is None:
        print(list_profiles())
    else:
        print(use(arguments.profile, arguments.params, arguments.set_param))
