"""`python -m mtpipe run`: makes the whole study, chains side by side."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtpipe import paths
from mtpipe.alone import alone
from mtpipe.commands import add_command, positive
from mtpipe.errors import MtpipeError
from mtpipe.owner import OWNER
from mtpipe.run.study.parts import SHARED
from mtpipe.run.study.settled import UP_TO_DATE, is_settled

if TYPE_CHECKING:
    from mtpipe.params import Params
    from mtpipe.run.study.pool import Start
    from mtpipe.run.study.slots import Slot

_SUMMARY = "make the whole study as `dvc repro` does, but chains (an arm with a seed) side by side; docs/study.md"


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    parser = add_command(parsers, "run", _SUMMARY)
    parser.add_argument(
        "--jobs",
        type=positive(int),
        metavar="N",
        help="chains at a time; default: what cores or GPUs allow; with adapters, 4 can share a GPU (docs/lora.md)",
    )
    parser.add_argument("--devices", type=_names, metavar="0,1", help="CUDA devices to use; default: all that are here")
    parser.add_argument("--arms", nargs="+", metavar="ARM", help="these arms' chains; default: all of params.yaml")
    parser.add_argument("--seeds", nargs="+", type=int, metavar="SEED", help="these seeds' chains; default: all")
    parser.add_argument(
        "--dry-run", action="store_true", help="print settings, temperatures, stages and cost, and run nothing"
    )
    parser.add_argument("--pull", action="store_true", help="take what DVC's remote has, like `dvc repro --pull`")
    parser.add_argument(
        "--retrain",
        action="store_true",
        help="train policies again that were removed to free disk, if a stage needs them",
    )
    elsewhere = parser.add_mutually_exclusive_group()
    elsewhere.add_argument("--address", metavar="HOST:PORT", help="run chains on the machines of this Ray cluster")
    elsewhere.add_argument(
        "--chain",
        type=_chain,
        metavar="ARM-SEED",
        help="run one chain, or `shared`; other machines may run others (docs/cluster.md)",
    )
    elsewhere.add_argument("--merge", action="store_true", help="collect what runs with --chain have made")
    parser.add_argument("--wait", action="store_true", help="if another `run` is at work here, begin when it has ended")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Ends with status 1 if a chain fails, and with 130 after Ctrl-C."""
    if stage := os.environ.get("DVC_STAGE"):
        raise MtpipeError(
            f"DVC's stage {stage} has started this, and `run` cannot work inside a stage, whose files DVC holds until "
            f"it ends. A queued experiment (`dvc exp run --queue`) runs the arms one after the other; for arms side by "
            f"side edit params.yaml in the workspace, `python -m mtpipe run`, and `dvc exp save -n NAME`"
        )
    if arguments.params != Path("params.yaml"):
        raise MtpipeError(f"--params is {arguments.params}; `run` makes the study of params.yaml, which DVC reads too")
    if (arguments.chain or arguments.merge) and (arguments.arms or arguments.seeds or arguments.jobs):
        raise MtpipeError("--arms, --seeds and --jobs choose among chains; leave them out with --chain and --merge")
    if _asks_for_all(arguments) and is_settled():
        print(UP_TO_DATE)
        return
    with ExitStack() as servers:
        start = None if arguments.address or arguments.dry_run else local_start(servers)
        _run(arguments, start)


def _run(arguments: argparse.Namespace, start: "Start | None") -> None:
    """Never returns, but with --dry-run.

    Args:
        start: what starts parts on this machine.
    """
    from mtpipe.params import load_params
    from mtpipe.run.study.study import StudyRun
    from mtpipe.run.study.table import table
    from mtpipe.run.study.watch import Watch

    params = load_params(arguments.params)
    chains = _chosen(params, arguments.arms, arguments.seeds)
    if arguments.dry_run:
        from mtpipe.run.study.dry_run import dry_run

        print(dry_run(params, chains))
        return
    start, places = _places(params, arguments, start)
    lock, what = "study", "another `python -m mtpipe run` is at work on this study"
    if arguments.chain not in (None, SHARED):
        lock, what = f"run-{arguments.chain.replace('/', '-')}", f"{arguments.chain} is at work already"
    with alone(paths.LOCKS / lock, what, arguments.wait):
        study, stopped = StudyRun(arguments.pull, params.storage.keep, arguments.retrain), False
        if study.told:
            print(study.told, file=sys.stderr)
        try:
            if arguments.chain:
                study.run_part(arguments.chain, places[0], start, Watch())
            elif arguments.merge:
                study.merge(places, start, Watch())
            else:
                study.run(chains, places, start, Watch())
        except KeyboardInterrupt:
            stopped = True
    print(table(study.outcome, stopped))
    sys.exit(130 if stopped else 1 if study.outcome.failed else 0)


def _asks_for_all(arguments: argparse.Namespace) -> bool:
    """Whether nothing is asked for but that the study be made."""
    names = ("arms", "seeds", "devices", "dry_run", "pull", "address", "chain", "merge")
    return not any(getattr(arguments, name) for name in names)


def local_start(servers: ExitStack) -> "Start":
    """What starts parts on this machine: a server that forks them, where there is Linux's /proc.

    The one that stages are forked from starts too: it loads its libraries while this command looks for what has to run.
    """
    if Path("/proc/self/status").is_file():
        from mtpipe.run.launch import prepare_environment, prepare_server
        from mtpipe.run.study.fork_server import ForkServer

        start = servers.enter_context(ForkServer()).start
        environment = {**os.environ, OWNER: str(os.getpid())}
        prepare_environment(environment)
        prepare_server(environment)
        return start
    from mtpipe.run.study.pool import LocalPart

    return LocalPart


def _places(params: "Params", arguments: argparse.Namespace, start: "Start | None") -> "tuple[Start, list[Slot]]":
    """What starts a part, which is `start` but on a Ray cluster, and the slots to start parts in."""
    from mtpipe.run.study.slots import crowding, slots

    if start is None:
        from mtpipe.run.study.ray_pool import RayCluster

        if arguments.devices is not None:
            raise MtpipeError("--devices are this machine's; with --address Ray gives each chain its own")
        cluster = RayCluster(arguments.address, params, arguments.jobs)
        return cluster.start, cluster.slots
    found = slots(params, arguments.jobs, arguments.devices)
    if told := crowding(params, found):
        print(told, file=sys.stderr)
    return start, found


def _chosen(params: "Params", arms: Sequence[str] | None, seeds: Sequence[int] | None) -> list[str]:
    """The names of the chains that are asked for, in the order of params.yaml."""
    for flag, asked, known in (("--arms", arms or [], params.arms), ("--seeds", seeds or [], params.seeds)):
        unknown = [str(each) for each in asked if each not in known]
        if unknown:
            raise MtpipeError(f"{flag} names {', '.join(unknown)}; params.yaml has {', '.join(map(str, known))}")
    return [
        f"{arm}-{seed}"
        for arm in params.arms
        for seed in params.seeds
        if (not arms or arm in arms) and (not seeds or seed in seeds)
    ]


def _chain(text: str) -> str:
    """Refuses an empty name, which would otherwise ask for the whole study."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; has a queue's array more tasks than there are chains?")
    return text


def _names(text: str) -> list[str]:
    """Refuses a list without names, by which chains would go to any device."""
    if not (names := [name.strip() for name in text.split(",") if name.strip()]):
        raise argparse.ArgumentTypeError("it is empty; leave it out to use all devices that are here")
    return names
