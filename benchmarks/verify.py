"""The verifier's speed against bare math-verify in one process, in turns in the same run.

Ordinary answers are generated: numbers in several spellings, fractions, roots, polynomials, sets and intervals, half of
them right. Bare math-verify parses and verifies both sides wrapped in `$…$`; the pool judges the same rows with two
processes, its start counted apart. Then one answer in a hundred is hostile: what the guard refuses, and, handed to the
processes past the guard, what runs until the kernel ends it.
"""

import random
import statistics
import time

from math_verify import parse, verify

from mtpipe.verify.answers import Gold, judge_answers
from mtpipe.verify.pool import Pool, Undecided
from mtpipe.verify.reader.read import read, readings

ROWS, TURNS, LIMIT = 300, 3, 2.0


def comparison(gold: str, answer: str) -> Undecided:
    """As a judging process gets it."""
    return Undecided(((read(gold), tuple(readings(answer, read(gold)))),))


SLOW = Undecided(((read(r"\sqrt{2}"), tuple([read(r"\sum_{n=1}^{2000}\sqrt{n^{0.3}}")] * 1000)),))


def main() -> None:
    rows = ordinary(ROWS)
    pairs = [(Gold((gold,)), rf"So it is \boxed{{{answer}}}.") for gold, answer in rows]
    ratios = []
    with Pool(processes=2, seconds=LIMIT) as pool:
        start = time.perf_counter()
        list(pool.judge([comparison(r"\sqrt{8}", r"2\sqrt{2}")] * 2))
        print(f"the pool's start: {time.perf_counter() - start:.1f} s, once")
        for turn in range(TURNS):
            bare, right_bare = _bare(rows)
            start = time.perf_counter()
            judged = judge_answers(pairs, pool)
            seconds = time.perf_counter() - start
            ratios.append(bare / seconds)
            right = sum(found.verdict == "correct" for found in judged)
            print(f"turn {turn}: bare math-verify {ROWS / bare:.0f} answers/s ({right_bare} right), ", end="")
            print(f"pool of two {ROWS / seconds:.0f} answers/s ({right} right), ratio {ratios[-1]:.2f}")
        print(f"median ratio on ordinary answers: {statistics.median(ratios):.2f}")

        plain = [comparison(gold, answer) for gold, answer in symbolic(ROWS)]
        start = time.perf_counter()
        list(pool.judge(plain))
        without = time.perf_counter() - start
        mixed = [SLOW if index % 100 == 50 else comparison for index, comparison in enumerate(plain)]
        start = time.perf_counter()
        verdicts = dict(pool.judge(mixed))
        extra = time.perf_counter() - start - without
        killed = sum(verdict == "timeout" for verdict in verdicts.values())
        print(f"{killed} of {ROWS} answers ended after {LIMIT:g} s of CPU time each: {extra:.1f} s more; ", end="")
        print(f"{2 * extra / killed / LIMIT:.2f} of its limit for each")
        others = [verdict for index, verdict in verdicts.items() if mixed[index] is not SLOW]
        print(f"other verdicts than correct beside them: {sum(verdict != 'correct' for verdict in others)}")


def ordinary(count: int) -> list[tuple[str, str]]:
    """Golds and answers, every second one right."""
    draw = random.Random(0)
    rows = []
    for index in range(count):
        a, b, c = (draw.randint(2, 60) for _ in range(3))
        wrong = index % 2
        rows.append(
            draw.choice(
                [
                    (f"{a * b}", f"{a * b + wrong}"),
                    (f"{1000 * a}", f"{a},000" if not wrong else f"{a + 1},000"),
                    (rf"\frac{{{a}}}{{{b}}}", f"{a + wrong}/{b}"),
                    (rf"\frac{{{a}}}{{{b}}}", rf"\dfrac{{{2 * a + wrong}}}{{{2 * b}}}"),
                    (f"{a}", rf"x = {a + wrong}"),
                    (rf"{a}\sqrt{{{b}}}", rf"\sqrt{{{a * a * b + wrong}}}"),
                    (f"({a},{b})", f"({a}, {b + wrong})"),
                    (f"{a}, {b + 100}", f"{b + 100}, {a + wrong}"),
                    (f"x^2-{a * a}", f"(x-{a})(x+{a + wrong})"),
                    (f"[{a},{a + b}]", f"[{a}, {a + b + wrong}]"),
                    (rf"{a}\pi", rf"{a + wrong} \pi"),
                    (f"{a}x+{b}y={c}", f"{b}y+{a}x={c + wrong}"),
                ]
            )
        )
    return rows


def symbolic(count: int) -> list[tuple[str, str]]:
    """Equal pairs that need a judging process."""
    draw = random.Random(1)
    return [
        (rf"{a}\sqrt{{{b}}}", rf"\sqrt{{{a * a * b}}}")
        for a, b in ((draw.randint(2, 60), draw.randint(2, 60)) for _ in range(count))
    ]


def _bare(rows: list[tuple[str, str]]) -> tuple[float, int]:
    start = time.perf_counter()
    right = sum(verify(parse(f"${gold}$"), parse(f"${answer}$")) for gold, answer in rows)
    return time.perf_counter() - start, right
