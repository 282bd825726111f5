"""`python -m mtpipe look`: rollouts as pages, token by token."""

import argparse
import webbrowser
from pathlib import Path
from typing import Any

from mtpipe.commands import add_command


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    summary = "write a page that shows rollouts token by token, coloured by entropy, temperature or log-prob"
    parser = add_command(parsers, "look", summary)
    parser.add_argument(
        "file", type=Path, nargs="?", help="a rollouts.parquet, or an evaluation; default: every run's last round"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="default: report/rollouts/<arm>-seed<s>-round<n>.html"
    )
    parser.add_argument(
        "--tokenizer", type=Path, metavar="FILE", help="default: policy/tokenizer.json beside the rollouts"
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe import paths
    from mtpipe.errors import MtpipeError
    from mtpipe.look.evaluation import is_evaluation, write_evaluation_viewer
    from mtpipe.look.viewer import write_viewer
    from mtpipe.params import load_params

    if arguments.file is None and arguments.output is not None:
        raise MtpipeError("--output names one page, but without a rollouts file there is one for every run")
    if arguments.file is not None:
        pages = {arguments.output or paths.viewer_of(arguments.file): arguments.file}
    else:
        params = load_params(arguments.params)
        runs = [(arm, seed, params.rounds[-1].n) for arm in params.arms for seed in params.seeds]
        pages = {paths.viewer_of(file): file for file in (paths.rollouts(*run) for run in runs)}
    for page, file in pages.items():
        if is_evaluation(file):
            print(write_evaluation_viewer(file, page))
        else:
            print(write_viewer(file, page, arguments.tokenizer))
    if arguments.open:
        webbrowser.open(next(iter(pages)).resolve().as_uri())
