"""Every rewriting of every gold at hand, judged, and the table of how many verdicts were as mathematics says.

Minutes. The rewritings and the reasons of the listed exceptions are in tests/verify/metamorphic/.
"""

import sys
import time
from pathlib import Path

from mtpipe.verify.pool import Pool

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "verify"))  # its package metamorphic

from metamorphic.golds import BENCHMARKS, all_golds
from metamorphic.rewriting import TABLE
from metamorphic.trial import Case, Count, cases, run, summary

SHOWN = 3


def main() -> None:
    if not BENCHMARKS.is_dir():
        raise SystemExit(f"no golds: {BENCHMARKS} is no folder")
    golds = all_golds()
    chosen = list(cases(golds))
    print(f"{len(golds)} different golds of {golds.total()}, {len(TABLE)} rewritings, {len(chosen)} cases")
    start = time.perf_counter()
    with Pool(processes=2) as pool:
        counts = run(chosen, pool)
    print(f"judged in {time.perf_counter() - start:.0f} s\n")
    for keeps, title in ((True, "keep the meaning: correct"), (False, "change the meaning: not correct")):
        print(f"| {title} | tried | as expected | excepted |\n|---|---|---|---|")
        for name, count in counts.items():
            if TABLE[name].keeps == keeps and count.tried:
                print(_row(name, count))
        print(_row("all", summary(counts, keeps=keeps)) + "\n")
    for name, count in counts.items():
        for case, verdict in count.failures[:SHOWN]:
            print(f"{name}: {_told(case)}: {verdict}")


def _row(name: str, count: Count) -> str:
    return f"| {name} | {count.tried} | {100 * count.share:.2f} % | {count.excepted} |"


def _told(case: Case) -> str:
    return f"{case.gold!r} answered {case.response!r}"
