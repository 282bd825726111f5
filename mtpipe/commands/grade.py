"""`python -m mtpipe grade IN.jsonl OUT.jsonl`: a file of golds and answers, judged without a pipeline."""

import argparse
from pathlib import Path
from typing import Any

from mtpipe.commands import positive
from mtpipe.verify.pool import SECONDS_PER_ANSWER

_HELP = """\
Judges each row of IN.jsonl, {"gold": …, "pred": …}, and writes it to OUT.jsonl with `correct` (true or false),
`verdict` and `answer` (what was taken from pred) added. Other fields are kept.

gold  the right answer: a bare formula or number, in $…$ or not, or a worked solution that ends in a \\boxed{…};
      or a list of those, of which any one is right
pred  a whole response or a bare answer. Where it has a \\boxed{…}, the last balanced one is the answer. Otherwise
      a short text without prose is the answer itself, and of a longer one the last formula or number after its
      last "answer is", "therefore" or the like, or else its last formula. A number in mere prose is no answer.

verdicts: correct, wrong, no_answer, unparseable (no formula), rejected (too long, too deep, code, or a value that
cannot be computed), timeout, crashed (out of memory, say). docs/verifier.md says what counts as equal.

An optional field "options": {"float_rounding": n} compares numbers of a row after rounding to n decimals.
"""


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = parsers.add_parser(
        "grade",
        help="judge a JSON-lines file of golds and answers",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", type=Path, metavar="IN.jsonl")
    parser.add_argument("output", type=Path, metavar="OUT.jsonl")
    parser.add_argument("--processes", type=positive(int), default=2, help="judging processes; default: 2")
    parser.add_argument(
        "--seconds",
        type=positive(float),
        default=SECONDS_PER_ANSWER,
        help=f"wall-clock limit of one answer; default: {SECONDS_PER_ANSWER:g}",
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.verify.grading import grade

    print(grade(arguments.input, arguments.output, arguments.processes, arguments.seconds))
