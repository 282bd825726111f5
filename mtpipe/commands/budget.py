"""`python -m mtpipe budget`: what the study in params.yaml will take."""

import argparse
from pathlib import Path
from typing import Any

from mtpipe.commands import add_command, positive


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    parser = add_command(parsers, "budget", "predict tokens, disk, memory and hours of the study")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a model's config.json; default: the model's own")
    for flag, what in (
        ("prompt-tokens", "mean length of a prompt; default: that of finished rounds"),
        ("response-tokens", "mean length of a response; default: that of finished rounds, else the longest"),
        ("sampling-rate", "response tokens per second of sampling; default: as the finished rounds took"),
        ("update-rate", "response tokens per second of the update; default: as the finished rounds took"),
    ):
        parser.add_argument(f"--{flag}", type=positive(float), metavar="N", help=what)
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.budget.budget_table import Given, format_budget
    from mtpipe.params import load_params

    given = {name: getattr(arguments, name) for name in Given.__dataclass_fields__}
    print(format_budget(load_params(arguments.params), Given(**given)))
