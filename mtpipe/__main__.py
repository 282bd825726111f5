"""Commands beside the pipeline: `python -m mtpipe --help`."""

import argparse
import sys
from pathlib import Path

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
    pruning = commands.add_parser("prune", parents=[shared], help="free the disk of old rounds' policies")
    pruning.add_argument("--keep", type=int, required=True, metavar="N", help="each run's last N policies stay")
    pruning.add_argument("--dry-run", action="store_true", help="say what would go, and touch nothing")
    budget = commands.add_parser("budget", parents=[shared], help="predict tokens, disk, memory and hours of the study")
    budget.add_argument("--config", type=Path, metavar="FILE", help="a model's config.json; default: the model's own")
    for flag, what in (
        ("prompt-tokens", "mean length of a prompt; default: that of finished rounds"),
        ("response-tokens", "mean length of a response; default: that of finished rounds, else the longest"),
        ("sampling-rate", "response tokens per second of sampling; default: as the finished rounds took"),
        ("update-rate", "response tokens per second of the update; default: as the finished rounds took"),
    ):
        budget.add_argument(f"--{flag}", type=_positive, metavar="N", help=what)
    arguments = parser.parse_args()
    try:
        params = load_params(arguments.params)
        if arguments.command == "temperatures":
            plans = params.plans()
            print(format_plans(plans))
            if arguments.plot:
                draw_plans(plans, arguments.plot)
                print(f"\ndrawn to {arguments.plot}")
        elif arguments.command == "prune":
            from mtpipe.prune import prune

            print(prune(params, arguments.keep, arguments.dry_run).describe(arguments.dry_run))
        elif arguments.command == "budget":
            from mtpipe.budget.table import Given, format_budget

            given = {name: getattr(arguments, name) for name in Given.__dataclass_fields__}
            print(format_budget(params, Given(**given)))
        elif arguments.command == "track":
            from mtpipe.tracking import publish

            publish(params)
    except MtpipeError as error:
        sys.exit(f"error: {error}")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


if __name__ == "__main__":
    main()
