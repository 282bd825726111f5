"""`python -m mtpipe strays`: how often heat would lead a policy astray, before any training at that heat."""

import argparse
from pathlib import Path
from typing import Any

from mtpipe.commands import add_command, positive


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    summary = "how often heat would draw improbable tokens, and how often if only those of high entropy are heated"
    parser = add_command(parsers, "strays", summary)
    parser.add_argument(
        "--policy", type=Path, help="a folder with a policy; default: what the first round samples from"
    )
    parser.add_argument("--prompts", type=positive(int), default=256, help="training problems; default: 256")
    parser.add_argument(
        "--heats",
        type=positive(float),
        nargs="+",
        default=[1.2, 1.4, 1.6, 1.8, 2.0],
        metavar="T",
        help="default: 1.2 1.4 1.6 1.8 2.0",
    )
    parser.add_argument(
        "--shares",
        type=_share,
        nargs="+",
        default=[0.2, 0.05],
        metavar="SHARE",
        help="of the tokens that a rule heats, those of the highest entropy; default: 0.2 0.05",
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.model.policy import load_vocabulary, prepare_torch
    from mtpipe.params import load_params
    from mtpipe.parity.parity import parity_requests, policy_to_try, sample_once
    from mtpipe.paths import TRAIN
    from mtpipe.records import PROBLEMS, read_rows
    from mtpipe.strays import count_strays, format_strays

    params = load_params(arguments.params)
    device = prepare_torch(params.compute)
    problems = read_rows(TRAIN, PROBLEMS)[: arguments.prompts]
    with policy_to_try(arguments.policy, params.model.lora) as folder:
        requests = list(parity_requests(problems, load_vocabulary(folder), [1.0]))
        rollouts = sample_once("strays", requests, problems, folder, params)
        strays = count_strays(rollouts, folder, arguments.heats, device)
    print(format_strays(strays, arguments.shares))


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text} is no share of the tokens between 0 and 1")
    return share
