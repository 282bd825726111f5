"""`python -m mtpipe compare A B`: two commits or DVC experiments, with the report's statistics."""

import argparse
from typing import Any

from mtpipe.commands import add_command


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    parser = add_command(parsers, "compare", "compare the scores of two commits or DVC experiments, arm by arm")
    parser.add_argument("before", metavar="A", help="a commit, branch or experiment; . is the workspace")
    parser.add_argument("after", metavar="B", help="likewise")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.params import load_params
    from mtpipe.report.versions import compare_versions

    print(compare_versions(arguments.before, arguments.after, load_params(arguments.params).report))
