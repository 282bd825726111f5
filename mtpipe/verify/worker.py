# ruff: noqa: E402
"""A judging process: `python -m mtpipe.verify.worker MEMORY_BYTES`, started and killed by mtpipe/verify/pool.py.

The process that starts is the nursery: it loads math-verify once, warms it up on texts of ours, and forks a judge. The
judge locks itself down (mtpipe/verify/sandbox.py) and only then reads requests; the nursery never sees hostile text.
When the judge ends, or SIGUSR1 asks for its death, the nursery forks the next at once, without loading anything again.
The parent never takes a process id from the judge, which could name another process.

Lines of JSON on standard input and output:

    -> {"ready": true}                        a judge waits
    <- {"id": 7, "golds": ["…"], "answer": "…", "places": null, "tolerance": null}
    -> {"id": 7, "verdict": "correct", "stays": true}        or wrong, unparseable, crashed
"""

import json
import os
import signal
import sys
from fractions import Fraction
from typing import NoReturn

from mtpipe.verify.sandbox import hide_modules, lock_down

hide_modules()  # before sympy, which would load what is hidden

import sympy.assumptions.wrapper
import sympy.combinatorics
import sympy.polys.numberfields.minpoly
import sympy.sets.handlers.functions
import sympy.sets.handlers.issubset
import sympy.sets.setexpr
import sympy.solvers.inequalities
import sympy.solvers.solveset  # noqa: F401  # sympy loads these when it needs them; a judge can load nothing

from mtpipe.verify.equivalence import Leniency, compare
from mtpipe.verify.symbolic import Unparseable, equal

ANSWERS_PER_JUDGE = 500
_INPUT_ENDED = 40
_SIGNALS = (signal.SIGUSR1, signal.SIGTERM)
_WARM_UP = [
    (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}"),
    (r"x^2-1", r"(x-1)(x+1)"),
    (r"\sin^2 x+\cos^2 x", "1"),
    (r"x^2/4+y^2/3=1", r"x^2/16+y^2/12=1/4"),
    (r"(-\infty,1)\cup(2,3]", r"(2,3]\cup(-\infty,1)"),
    (r"[1,2]", r"1\le x\le 2"),
    (r"x>5", r"5<x"),
    (r"\begin{pmatrix}\frac12&2\\3&4\end{pmatrix}", r"\begin{pmatrix}0.5&2\\3&4\end{pmatrix}"),
    (r"\binom{5}{2}", "9+1"),
    (r"e^{i\pi}", "-1+0i"),
    (r"\log_2 8", r"\sqrt{9}"),
    (r"\lfloor 2.5\rfloor", r"|{-2}|"),
    (r"\sum_{k=1}^{3}k", r"3!"),
    (r"\int_0^1 x dx", r"\frac{1}{2}+0x"),
    (r"\lim_{x \to 0}\frac{\sin x}{x}", r"1+0x"),
]


def main() -> None:
    """The nursery's life: load, warm up, and keep one judge alive until standard input ends."""
    memory_bytes = int(sys.argv[1])
    for gold, answer in _WARM_UP:
        _judge([gold], answer, Leniency())
    judges: list[int] = []
    signal.signal(signal.SIGUSR1, lambda *_: os.kill(judges[-1], signal.SIGKILL))
    signal.signal(signal.SIGTERM, lambda *_: _end(judges[-1]))
    while True:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        judges.append(os.fork())
        if judges[-1] == 0:
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            lock_down(memory_bytes)
            _serve()
        status = _wait(judges[-1])
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _INPUT_ENDED:
            return


def _end(judge: int) -> NoReturn:
    os.kill(judge, signal.SIGKILL)
    os._exit(0)


def _wait(judge: int) -> int:
    """Waits for the judge's end without reaping it while a signal could still be meant for it."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    os.waitid(os.P_PID, judge, os.WEXITED | os.WNOWAIT)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    return os.waitpid(judge, 0)[1]


def _serve() -> NoReturn:
    """Judges line after line. Unbuffered, so that nothing is lost with the process."""
    _answer({"ready": True})
    for number in range(1, ANSWERS_PER_JUDGE + 1):
        line = _read_line()
        if not line:
            os._exit(_INPUT_ENDED)
        request = json.loads(line)
        tolerance = Fraction(request["tolerance"]) if request["tolerance"] else None
        stays = number < ANSWERS_PER_JUDGE
        try:
            verdict = _judge(request["golds"], request["answer"], Leniency(request["places"], tolerance))
        except BaseException:  # MemoryError among them: this process is used up
            verdict, stays = "crashed", False
        _answer({"id": request["id"], "verdict": verdict, "stays": stays})
        if not stays:
            break
    os._exit(0)


def _judge(golds: list[str], answer: str, leniency: Leniency) -> str:
    try:
        return "correct" if any(compare(gold, answer, leniency, equal) for gold in golds) else "wrong"
    except (Unparseable, RecursionError):
        return "unparseable"


def _read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece:
            return b""
        line += piece
    return line


def _answer(message: dict[str, object]) -> None:
    os.write(1, b"\n" + json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
