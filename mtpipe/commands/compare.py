"""`python -m mtpipe compare A B`: two commits or DVC experiments, with the report's statistics."""

import argparse
from pathlib import Path
from typing import Any

from mtpipe.commands import add_command


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    parser = add_command(parsers, "compare", "compare the scores of two commits or DVC experiments, arm by arm")
    parser.add_argument(
        "before", metavar="A", help="a commit, branch, experiment or file of scores; . is the workspace"
    )
    parser.add_argument("after", metavar="B", help="likewise")
    parser.add_argument(
        "--page", type=Path, metavar="FILE", help="also write both side by side as a page, for example compared.html"
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.files import write_text
    from mtpipe.params import load_params
    from mtpipe.report.versions import as_text, compare_versions

    report, versions = load_params(arguments.params).report, (arguments.before, arguments.after)
    found = compare_versions(*versions, report)
    print(as_text(*versions, found, report))
    if arguments.page is not None:
        from mtpipe.report.versions_page import versions_page

        write_text(arguments.page, versions_page(*versions, found, report))
        print(f"\nSide by side: {arguments.page}")
