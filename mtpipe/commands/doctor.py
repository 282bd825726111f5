"""`python -m mtpipe doctor`: a minute of help for a study that is stuck."""

import argparse
from typing import Any

from mtpipe.commands import add_command


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    summary = "say what this machine and project have, what the study needs, and what to do where they do not fit"
    return add_command(parsers, "doctor", summary)


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.run.doctor import diagnose, format_findings

    print(format_findings(diagnose(arguments.params)))
