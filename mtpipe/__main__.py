"""Commands beside the pipeline: `python -m mtpipe --help`."""

import argparse
import sys
import webbrowser
from pathlib import Path

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.params import load_params
from mtpipe.temperature.table import draw_plans, format_plans


def main() -> None:
    """Runs one command; an MtpipeError is printed without a traceback and ends with status 1."""
    parser = argparse.ArgumentParser(prog="python -m mtpipe", description="Commands beside the pipeline.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: params.yaml")
    temperatures = commands.add_parser(
        "temperatures", parents=[shared], help="print the temperatures that params.yaml resolves to, by arm and round"
    )
    temperatures.add_argument("--plot", type=Path, metavar="FILE", help="also draw them, as .svg, .png or .pdf")
    commands.add_parser("track", parents=[shared], help="publish the results to MLflow again, from the files")
    commands.add_parser("cost", parents=[shared], help="print each arm's tokens, and its seconds on this machine")
    look = commands.add_parser(
        "look",
        parents=[shared],
        help="write a page that shows rollouts token by token, coloured by entropy, temperature or log-prob",
    )
    look.add_argument("file", type=Path, nargs="?", help="a rollouts.parquet; default: every run's last round")
    look.add_argument(
        "--output", type=Path, metavar="FILE", help="default: report/rollouts/<arm>-seed<s>-round<n>.html"
    )
    look.add_argument(
        "--tokenizer", type=Path, metavar="FILE", help="default: policy/tokenizer.json beside the rollouts"
    )
    look.add_argument("--open", action="store_true", help="open the page in the browser")
    arguments = parser.parse_args()
    try:
        _run(arguments)
    except MtpipeError as error:
        sys.exit(f"error: {error}")


def _run(arguments: argparse.Namespace) -> None:
    if arguments.command == "look":
        _look(arguments)
        return
    params = load_params(arguments.params)
    if arguments.command == "temperatures":
        plans = params.plans()
        print(format_plans(plans))
        if arguments.plot:
            draw_plans(plans, arguments.plot)
            print(f"\ndrawn to {arguments.plot}")
    elif arguments.command == "track":
        from mtpipe.tracking import publish

        publish(params)
    elif arguments.command == "cost":
        from mtpipe.cost import format_cost

        print(format_cost(params))


def _look(arguments: argparse.Namespace) -> None:
    from mtpipe.look.viewer import write_viewer

    if arguments.file is None and arguments.output is not None:
        raise MtpipeError("--output names one page, but without a rollouts file there is one for every run")
    if arguments.file is not None:
        pages = {arguments.output or paths.viewer_of(arguments.file): arguments.file}
    else:
        params = load_params(arguments.params)
        runs = [(arm, seed, params.rounds[-1].n) for arm in params.arms for seed in params.seeds]
        pages = {paths.viewer(*run): paths.rollouts(*run) for run in runs}
    for page, rollouts in pages.items():
        print(write_viewer(rollouts, page, arguments.tokenizer))
    if arguments.open:
        webbrowser.open(next(iter(pages)).resolve().as_uri())


if __name__ == "__main__":
    main()
