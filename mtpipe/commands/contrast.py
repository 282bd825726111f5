"""`python -m mtpipe contrast VERSION ARM:OTHER …`: comparisons of arms that were named beforehand."""

import argparse
from typing import Any

from mtpipe.commands import add_command


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    parser = add_command(parsers, "contrast", "compare arms of one study in pairs named beforehand, as one family")
    parser.add_argument("version", metavar="VERSION", help="a commit, experiment or file of scores; . is the workspace")
    parser.add_argument(
        "contrasts",
        nargs="*",
        metavar="ARM:OTHER",
        help="prints ARM minus OTHER, in each study of a file of several; none: scores alone",
    )
    parser.add_argument("--benchmarks", nargs="+", default=[], metavar="NAME", help="those that count; default: all")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.params import load_params
    from mtpipe.report.contrasts import contrast_arms

    report = load_params(arguments.params).report
    print(contrast_arms(arguments.version, arguments.contrasts, arguments.benchmarks, report))
