"""`python -m mtpipe temperatures`: the temperatures that params.yaml resolves to."""

import argparse
from pathlib import Path
from typing import Any

from mtpipe.commands import add_command


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    summary = "print the temperatures that params.yaml resolves to, by arm and round"
    parser = add_command(parsers, "temperatures", summary)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw them, as .svg, .png or .pdf")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe import paths
    from mtpipe.model.checkpoint_folder import check_checkpoint
    from mtpipe.params import load_params
    from mtpipe.temperature.plan_table import format_plans

    params = load_params(arguments.params)
    check_checkpoint(params.model.checkpoint)
    print(format_plans(params.plans()))
    if arguments.plot:
        from mtpipe.temperature.plan_picture import draw_plans

        draw_plans(params.plans(), arguments.plot, params.sampling.max_new_tokens, paths.WARM_START / "policy")
        print(f"\ndrawn to {arguments.plot}")
