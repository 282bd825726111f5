"""What every stage script shares: arguments, settings, one run at a time, readable errors, and its clock."""

import argparse
import inspect
import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from mtpipe import paths
from mtpipe.alone import alone
from mtpipe.devices import is_rank
from mtpipe.errors import MtpipeError
from mtpipe.progress import listen
from mtpipe.run.stage_plan import check_code, settings_for

LISTENER = "MTPIPE_LISTENER"
"""Names a function, `module:function`, that is given the stage's arguments and returns what listens to its progress."""


def run_stage(main: Callable[..., None]) -> None:
    """Runs a stage's `main`.

    Its positional parameters are the command line's arguments, each required and of the parameter's type. Its
    keyword-only parameters are settings, which come from the stage's plan (mtpipe.run.stage_plan).

    An MtpipeError is printed without a traceback and ends the process with status 1. A second run of the same
    stage waits for the first, should one be left over from a killed `dvc repro`. The clock goes to an untracked
    file beside the data, because a duration in an output would change its hash from run to run.
    """
    stage = Path(main.__code__.co_filename).stem
    parser = argparse.ArgumentParser(prog=f"python -m stages.{stage}", description=main.__doc__)
    for name, parameter in inspect.signature(main).parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY:
            parser.add_argument(f"--{name}", type=parameter.annotation, required=True)
    arguments = vars(parser.parse_args())
    if is_rank():  # one of an update's processes; the stage that started them has the lock
        _listen(arguments)
        main(**arguments, **settings_for(main))
        return
    name = "-".join([stage, *map(str, arguments.values())])
    try:
        with alone(paths.LOCKS / name, f"{name} still runs from an earlier start", waits=True):
            started = time.time()
            plans = [paths.round_plan(arguments["arm"], arguments["round"])] if "round" in arguments else []
            plans += [paths.arm_update(arguments["arm"])] if stage == "update" else []
            if stage != "plan":
                check_code(stage, *plans)
            _listen(arguments)
            main(**arguments, **settings_for(main))
            if stage != "plan":
                check_code(stage, *plans)
            _write_clock(name, started)
    except MtpipeError as error:
        sys.exit(f"error in stage {name}: {error}")


def _listen(arguments: dict[str, Any]) -> None:
    """Has the progress of the first of a stage's processes listened to, if the launcher names who listens."""
    if LISTENER in os.environ and os.environ.get("RANK", "0") == "0":
        module, _, function = os.environ[LISTENER].partition(":")
        if listener := getattr(import_module(module), function)(arguments):
            listen(listener)


def _write_clock(name: str, started: float) -> None:
    paths.CLOCK.mkdir(parents=True, exist_ok=True)
    clock = {"started": started, "seconds": time.time() - started}
    (paths.CLOCK / f"{name}.json").write_text(json.dumps(clock) + "\n")
