"""`python -m mtpipe parity`: whether the engine and the update can train together."""

import argparse
import sys
from pathlib import Path
from typing import Any

from mtpipe.commands import add_command, positive


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    summary = "sample with the engine, score with the update, and say whether these two can train together"
    parser = add_command(parsers, "parity", summary)
    parser.add_argument(
        "--policy",
        type=Path,
        help="a folder with a policy; default: the warm start, with model.lora under a new adapter",
    )
    parser.add_argument("--url", help="of a running `vllm serve` of that policy, in the place of sampling.engine")
    parser.add_argument("--prompts", type=positive(int), default=64, help="training problems; default: 64")
    parser.add_argument(
        "--temperatures",
        type=positive(float),
        nargs="+",
        default=[0.6, 0.8, 1.0, 1.2, 1.4],
        metavar="T",
        help="a response to each prompt at each; default: 0.6 0.8 1.0 1.2 1.4",
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.model.policy import load_vocabulary, prepare_torch
    from mtpipe.params import load_params
    from mtpipe.parity.parity import compare, described, parity_requests, policy_to_try, sample_once
    from mtpipe.parity.served import sample_served
    from mtpipe.paths import TRAIN
    from mtpipe.records import PROBLEMS, read_rows
    from mtpipe.settings.update import tolerance_of

    params = load_params(arguments.params)
    device = prepare_torch(params.compute)
    problems = read_rows(TRAIN, PROBLEMS)[: arguments.prompts]
    with policy_to_try(arguments.policy, params.model.lora) as folder:
        requests = list(parity_requests(problems, load_vocabulary(folder), arguments.temperatures))
        if arguments.url:
            rollouts = list(sample_served(arguments.url, requests, params.sampling.max_new_tokens))
            tolerance = params.update.logprob_tolerance or tolerance_of("bfloat16")
        else:
            rollouts = sample_once("parity", requests, problems, folder, params)
            tolerance = params.update_of(params.arms[0]).tolerance
        parity = compare(rollouts, folder, params.update, device, tolerance)
    print(described(parity, tolerance))
    sys.exit(bool(parity.fault))
