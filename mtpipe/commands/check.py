"""`python -m mtpipe check`: every output held against dvc.lock by its content."""

import argparse
import sys
from typing import Any


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    summary = "read every output and say which are missing, cut or edited, and how to bring them back"
    parser: argparse.ArgumentParser = parsers.add_parser("check", help=summary, description=summary)
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.run.outputs import check_outputs, describe

    count, faults = check_outputs()
    print(describe(count, faults))
    sys.exit(bool(faults))
