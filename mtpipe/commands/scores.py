"""`python -m mtpipe scores FILE`: a study's scores in one small file, for git."""

import argparse
from pathlib import Path
from typing import Any


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    summary = "write every arm's right answers by seed and problem into one small file, for git"
    parser: argparse.ArgumentParser = parsers.add_parser("scores", help=summary, description=summary)
    parser.add_argument("file", type=Path, metavar="FILE", help="ends in .json; compare and contrast read it")
    parser.add_argument("--version", default=".", help="a commit or DVC experiment; default: the workspace")
    parser.add_argument("--under", metavar="NAME", help="add them to what FILE has, with NAME/ before each arm's name")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.report.kept_scores import write_scores, write_scores_under
    from mtpipe.report.versions import scores

    found = scores(arguments.version)
    if arguments.under is None:
        write_scores(arguments.file, found)
    else:
        write_scores_under(arguments.file, arguments.under, found)
