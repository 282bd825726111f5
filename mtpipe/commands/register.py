"""`python -m mtpipe register`: a policy in MLflow's register of models."""

import argparse
from typing import Any

from mtpipe.commands import add_command


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    summary = "register a policy as a model in MLflow, with the hashes it came from"
    parser = add_command(parsers, "register", summary)
    parser.add_argument("--arm", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--round", type=int, help="the policy that this round samples from; default: the last policy")
    parser.add_argument("--merge", action="store_true", help="an adapter as a policy with all weights")
    parser.add_argument("--name", help="of the registered model; default: EXPERIMENT-ARM")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.params import load_params
    from mtpipe.tracking.registering import register

    params = load_params(arguments.params)
    done = register(params, arguments.arm, arguments.seed, arguments.round, arguments.name, arguments.merge)
    print(f"{done.name} version {done.version}: {'registered' if done.is_new else 'was there already'}")
