"""`python -m mtpipe cost`: what each arm took on this machine."""

import argparse
from typing import Any

from mtpipe.commands import add_command


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    return add_command(parsers, "cost", "print each arm's tokens and its seconds here")


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.budget.cost_table import format_cost
    from mtpipe.params import load_params

    print(format_cost(load_params(arguments.params)))
