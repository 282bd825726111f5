"""Commands beside the pipeline: `python -m mtpipe --help`."""

import argparse
import sys
from pathlib import Path

from mtpipe.errors import MtpipeError
from mtpipe.grade import add_grade, grade
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
    add_grade(commands)
    arguments = parser.parse_args()
    try:
        if arguments.command == "grade":
            print(grade(arguments.input, arguments.output, arguments.processes, arguments.seconds))
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
    except MtpipeError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
