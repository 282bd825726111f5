"""Commands beside the pipeline: `python -m mtpipe --help`, or `mtpipe --help` where it is installed.

Each is a file of mtpipe/commands/, found by its name.
"""

import argparse
import errno
import os
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from pkgutil import iter_modules

import shtab

from mtpipe import commands
from mtpipe.errors import MtpipeError

_OF_THE_FILE_SYSTEM = (
    errno.EACCES,
    errno.EDQUOT,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.EPERM,
    errno.EROFS,
)
"""What a user mends: no traceback helps there."""


def main() -> None:
    """Runs one command; an MtpipeError is printed without a traceback and ends with status 1."""
    program = "mtpipe" if Path(sys.argv[0]).name == "mtpipe" else "python -m mtpipe"
    parser = argparse.ArgumentParser(prog=program, description="Commands beside the pipeline.")
    shtab.add_argument_to(parser, help="print what makes a shell complete `mtpipe`, and exit")
    parser.add_argument("--version", action="version", version=f"mtpipe {_version()}")
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in iter_modules(commands.__path__):
        command = import_module(f"{commands.__name__}.{module.name}")
        command.add_parser(parsers).set_defaults(run=command.main)
    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except MtpipeError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.errno not in _OF_THE_FILE_SYSTEM:
            raise
        sys.exit(f"error: {error.filename or 'a file'} cannot be written or read: {error.strerror}")


def _version() -> str:
    try:
        return version("mtpipe")
    except PackageNotFoundError:  # run from a copy of the repository that is not installed
        return "(not installed)"


if __name__ == "__main__":
    main()
