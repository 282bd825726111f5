"""`python -m mtpipe grade IN OUT.jsonl`: a file of golds and answers, judged without a pipeline."""

import argparse
from pathlib import Path
from typing import Any, get_args, get_type_hints

from mtpipe.commands import positive
from mtpipe.verify.compare.rules import STRICT, Rules
from mtpipe.verify.extraction import EXTRACTION_RULES
from mtpipe.verify.pool import SECONDS_PER_ANSWER

_HELP = """\
Judges each row of IN (JSON lines, or .parquet), {"gold": …, "pred": …}, and writes it to OUT.jsonl with `correct`
(true or false), `verdict` and `answer` (what was taken from pred) added. Other fields are kept. A row that is
malformed is listed and left out.

gold  the right answer: a bare formula or number, in $…$ or not, or a worked solution that ends in a \\boxed{…};
      or a list of those, of which any one is right
pred  a whole response or a bare answer; null is no answer
rule  optional, in a row: where its answer stands, instead of --rule

rules, for where the answer stands:
  boxed        the last \\boxed{…}
  answer_line  the last line `Answer: …`
  answer_tag   the last <answer>…</answer>
  any          a box; else the tag, the line, `#### …`, what stands behind "the answer is", or the text itself if it
               is short and no prose. A number in mere prose is no answer.

verdicts: correct, wrong, no_answer, unparseable (nothing that is known), rejected (too long, too deep, code, or a
value that cannot be computed), timeout, crashed (out of memory, for example). docs/verifier.md says what counts as
equal.

An optional field "options": {"float_rounding": n} compares numbers of a row after rounding to n decimals.
"""
_POLICIES = ("percent", "brackets", "order")


def add_parser(parsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = parsers.add_parser(
        "grade",
        help="judge a file of golds and answers",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", type=Path, metavar="IN")
    parser.add_argument("output", type=Path, metavar="OUT.jsonl")
    parser.add_argument("--rule", choices=EXTRACTION_RULES, default="any", help="where answers stand; default: any")
    for policy in _POLICIES:
        default = getattr(STRICT, policy)
        what = f"as reward.judging.{policy} in params.yaml; default: {default}"
        parser.add_argument(f"--{policy}", choices=get_args(get_type_hints(Rules)[policy]), default=default, help=what)
    parser.add_argument("--processes", type=positive(int), default=2, help="judging processes; default: 2")
    parser.add_argument(
        "--seconds",
        type=positive(float),
        default=SECONDS_PER_ANSWER,
        help=f"CPU time of one answer; default: {SECONDS_PER_ANSWER:g}",
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mtpipe.verify.grading import grade

    rules = Rules(percent=arguments.percent, brackets=arguments.brackets, order=arguments.order)
    print(grade(arguments.input, arguments.output, arguments.processes, arguments.seconds, arguments.rule, rules))
