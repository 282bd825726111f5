"""What is told at the end of `python -m mtpipe run`."""

import shlex
import sys

from mtpipe.run.study.part import log_file
from mtpipe.run.study.part_log import said
from mtpipe.run.study.parts import CLOSING
from mtpipe.run.study.settled import UP_TO_DATE
from mtpipe.run.study.study import Outcome
from mtpipe.run.study.watch import duration
from mtpipe.text_table import aligned


def table(outcome: Outcome, stopped: bool = False) -> str:
    """What ran, what failed and why, and the command that takes up the rest.

    Args:
        stopped: whether the run was stopped before its end.
    """
    ran = [progress for progress in outcome.ended.values() if progress.ran or progress.state != "done"]
    rows = []
    for progress in ran:
        took = f"{len(progress.ran)} stages ran, {duration(sum(progress.ran.values()))}"
        why = f"; {progress.why}" if progress.state != "done" else ""
        rows.append((progress.part, progress.state, took + why))
    lines = aligned(rows)
    if stopped:
        lines.append("stopped")
    elif not ran:
        lines.append(UP_TO_DATE)
    if outcome.waiting:
        lines.append(f"the report waits for {', '.join(outcome.waiting)}")
    closed = outcome.ended.get(CLOSING)
    if closed and closed.ran and closed.state == "done":
        lines += ["", *said(log_file(CLOSING))]
    if outcome.failed:
        lines += ["", f"logs: {', '.join(str(log_file(part)) for part in outcome.failed)}"]
    if outcome.failed or stopped:
        lines += [f"{shlex.join(['python', '-m', 'mtpipe', *sys.argv[1:]])} takes up the rest"]
    return "\n".join(lines)
