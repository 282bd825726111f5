"""`python -m mtpipe track`: the results in MLflow, published again."""

import argparse
from typing import Any

from mtpipe.commands import add_command


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    parser = add_command(parsers, "track", "publish the results to MLflow again, from the files")
    parser.add_argument(
        "--moved", action="store_true", help="the project was moved or copied: take its folder mlflow/ over first"
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.params import load_params
    from mtpipe.tracking.publishing import publish

    params = load_params(arguments.params)
    if arguments.moved:
        from mtpipe.tracking.moving import take_over

        print(f"{take_over(params.tracking)} addresses of artifacts lead here now")
    for name, what in publish(params).done.items():
        print(f"{name}: {what}")
    print("Runs of earlier settings and registered models are in no file but MLflow's own: they are as they were.")
