"""Commands beside the pipeline: `python -m mtpipe --help`.

Each command is a function of its arguments that imports what it needs, so that none waits for another's libraries.
"""

import argparse
import sys
import webbrowser
from pathlib import Path

from mtpipe import paths
from mtpipe.commands.grade import add_grade
from mtpipe.errors import MtpipeError
from mtpipe.params import load_params


def main() -> None:
    """Runs one command; an MtpipeError is printed without a traceback and ends with status 1."""
    parser = argparse.ArgumentParser(prog="python -m mtpipe", description="Commands beside the pipeline.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: params.yaml")

    temperatures = commands.add_parser(
        "temperatures", parents=[shared], help="print the temperatures that params.yaml resolves to, by arm and round"
    )
    temperatures.add_argument("--plot", type=Path, metavar="FILE", help="also draw them, as .svg, .png or .pdf")
    temperatures.set_defaults(run=_temperatures)

    budget = commands.add_parser("budget", parents=[shared], help="predict tokens, disk, memory and hours of the study")
    budget.add_argument("--config", type=Path, metavar="FILE", help="a model's config.json; default: the model's own")
    for flag, what in (
        ("prompt-tokens", "mean length of a prompt; default: that of finished rounds"),
        ("response-tokens", "mean length of a response; default: that of finished rounds, else the longest"),
        ("sampling-rate", "response tokens per second of sampling; default: as the finished rounds took"),
        ("update-rate", "response tokens per second of the update; default: as the finished rounds took"),
    ):
        budget.add_argument(f"--{flag}", type=_positive, metavar="N", help=what)
    budget.set_defaults(run=_budget)

    use = commands.add_parser("use", parents=[shared], help="write a profile's settings into params.yaml")
    use.add_argument("profile", nargs="?", help="a name in profiles/, a file, or `default`; left out: list them")
    use.add_argument("--check", action="store_true", help="say how params.yaml differs from the shipped one")
    use.set_defaults(run=_use)

    cost = commands.add_parser("cost", parents=[shared], help="print each arm's tokens and its seconds here")
    cost.set_defaults(run=_cost)

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
    look.set_defaults(run=_look)

    roles = commands.add_parser(
        "roles",
        parents=[shared],
        help="how well an entropy threshold finds the tokens that choose (task arithmetic)",
    )
    roles.add_argument("files", type=Path, nargs="*", metavar="FILE", help="default: round 0 of the first arm's runs")
    roles.set_defaults(run=_roles)

    track = commands.add_parser("track", parents=[shared], help="publish the results to MLflow again, from the files")
    track.set_defaults(run=_track)

    register = commands.add_parser(
        "register", parents=[shared], help="register a policy as a model in MLflow, with the hashes it came from"
    )
    register.add_argument("--arm", required=True)
    register.add_argument("--seed", type=int, required=True)
    register.add_argument("--round", type=int, help="the policy that this round samples from; default: the last policy")
    register.add_argument("--name", help="of the registered model; default: EXPERIMENT-ARM")
    register.set_defaults(run=_register)

    prune = commands.add_parser("prune", parents=[shared], help="free the disk of old rounds' policies")
    prune.add_argument("--keep", type=int, required=True, metavar="N", help="each run's last N policies stay")
    prune.add_argument("--dry-run", action="store_true", help="say what would go, and touch nothing")
    prune.set_defaults(run=_prune)

    add_grade(commands).set_defaults(run=_grade)

    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except MtpipeError as error:
        sys.exit(f"error: {error}")


def _temperatures(arguments: argparse.Namespace) -> None:
    from mtpipe.temperature.plan_table import format_plans

    params = load_params(arguments.params)
    print(format_plans(params.plans()))
    if arguments.plot:
        from mtpipe.temperature.plan_picture import draw_plans

        draw_plans(params.plans(), arguments.plot, params.sampling.max_new_tokens, paths.WARM_START / "policy")
        print(f"\ndrawn to {arguments.plot}")


def _use(arguments: argparse.Namespace) -> None:
    from mtpipe.commands.use import run

    run(arguments)


def _budget(arguments: argparse.Namespace) -> None:
    from mtpipe.budget.budget_table import Given, format_budget

    given = {name: getattr(arguments, name) for name in Given.__dataclass_fields__}
    print(format_budget(load_params(arguments.params), Given(**given)))


def _cost(arguments: argparse.Namespace) -> None:
    from mtpipe.commands.cost import format_cost

    print(format_cost(load_params(arguments.params)))


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


def _roles(arguments: argparse.Namespace) -> None:
    from mtpipe.measure.roles import format_roles, read_roles

    params = load_params(arguments.params)
    files = arguments.files or [paths.rollouts(params.arms[0], seed, params.rounds[0].n) for seed in params.seeds]
    print(format_roles(read_roles(files, paths.TRAIN)))


def _track(arguments: argparse.Namespace) -> None:
    from mtpipe.tracking.publishing import publish

    publish(load_params(arguments.params))


def _register(arguments: argparse.Namespace) -> None:
    from mtpipe.tracking.registering import register

    params = load_params(arguments.params)
    done = register(params, arguments.arm, arguments.seed, arguments.round, arguments.name)
    print(f"{done.name} version {done.version}: {'registered' if done.is_new else 'was there already'}")


def _prune(arguments: argparse.Namespace) -> None:
    from mtpipe.commands.prune import prune

    print(prune(load_params(arguments.params), arguments.keep, arguments.dry_run).describe(arguments.dry_run))


def _grade(arguments: argparse.Namespace) -> None:
    from mtpipe.commands.grade import grade

    print(grade(arguments.input, arguments.output, arguments.processes, arguments.seconds))


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


if __name__ == "__main__":
    main()
