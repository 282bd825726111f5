"""`python -m mtpipe track`: the results in MLflow, published again."""

import argparse
from typing import Any

from mtpipe.commands import add_command


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    return add_command(parsers, "track", "publish the results to MLflow again, from the files")


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.params import load_params
    from mtpipe.tracking.publishing import publish

    publish(load_params(arguments.params))
