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
    register = commands.add_parser(
        "register", parents=[shared], help="register a policy as a model in MLflow, with the hashes it came from"
    )
    register.add_argument("--arm", required=True)
    register.add_argument("--seed", type=int, required=True)
    register.add_argument("--round", type=int, help="the policy that this round samples from; default: the last policy")
    register.add_argument("--name", help="of the registered model; default: EXPERIMENT-ARM")
    arguments = parser.parse_args()
    try:
        params = load_params(arguments.params)
        if arguments.command == "temperatures":
            plans = params.plans()
            print(format_plans(plans))
            if arguments.plot:
                draw_plans(plans, arguments.plot)
                print(f"\ndrawn to {arguments.plot}")
        elif arguments.command == "track":
            from mtpipe.tracking.publishing import publish

            publish(params)
        elif arguments.command == "register":
            from mtpipe.tracking.registering import register as register_policy

            done = register_policy(params, arguments.arm, arguments.seed, arguments.round, arguments.name)
            print(f"{done.name} version {done.version}: {'registered' if done.is_new else 'was there already'}")
    except MtpipeError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
