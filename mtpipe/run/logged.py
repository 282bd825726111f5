"""Runs a stage's script in this process, with its beginning, its end and what it prints in data/run.log."""

import runpy
import sys
import time
import traceback

from mtpipe.run_log import copied, write_line


def run_logged(stage: str, arguments: list[str]) -> None:
    """Runs stages/STAGE.py with these arguments in this process, and has what it prints written into the log too.

    Raises what it raises.
    """
    name, started = "-".join([stage, *arguments[1::2]]), time.monotonic()
    sys.argv = [stage, *arguments]
    write_line(f"{name} begins")
    with copied(name):
        try:
            runpy.run_module(f"stages.{stage}", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            ended = f"fails: {end.code}" if end.code else "ends"
            write_line(f"{name} {ended} after {time.monotonic() - started:.1f} s")
            raise
        except BaseException:
            for line in traceback.format_exc().splitlines():
                write_line(f"{name} | {line}")
            write_line(f"{name} fails after {time.monotonic() - started:.1f} s")
            raise
    write_line(f"{name} ends after {time.monotonic() - started:.1f} s")
