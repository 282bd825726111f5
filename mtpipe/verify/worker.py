"""A judging process: `python -m mtpipe.verify.worker MEMORY_BYTES`, started and killed by mtpipe/verify/pool.py.

The process that starts is the nursery: it loads mpmath once, warms it up on formulas of ours, and forks a judge. The
judge locks itself down (mtpipe/verify/sandbox.py) and only then reads requests; the nursery never sees a response.
When the judge ends, or SIGUSR1 asks for its death, the nursery forks the next at once, without loading anything again.
The parent never takes a process id from the judge, which could name another process.

Lines of JSON on standard input and output; a value is one of mtpipe/verify/values/kinds.py as messages.py writes it:

    -> {"ready": true}                        a judge waits
    <- {"id": 7, "seconds": 10.0, "pairs": [[gold, [answer, …]], …], "rules": {…}}
    -> {"id": 7, "verdict": "correct", "stays": true}        or wrong, rejected, crashed
    -> {"overran": true}                      the judge has used up its seconds of CPU time, says the nursery
    -> {"killed": true}                       the nursery has done what SIGUSR1 asks for; the next judge may live

What a judge has not read when it ends, the nursery drops before the next one is born: that would judge the answer of
the one before it, and read two requests for one.
"""

import json
import os
import select
import signal
import sys
from typing import Any, NoReturn

from mtpipe.verify.compare.equal import compare
from mtpipe.verify.compare.rules import Rules
from mtpipe.verify.numeric import NumericAlgebra
from mtpipe.verify.reader.read import read
from mtpipe.verify.sandbox import end_with_parent, limit_cpu, lock_down
from mtpipe.verify.values.exact import TooLarge
from mtpipe.verify.values.messages import decode

ANSWERS_PER_JUDGE = 500
_INPUT_ENDED = 40
_SIGNALS = (signal.SIGUSR1, signal.SIGTERM)
_WARM_UP = [
    (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}"),
    (r"x^2-1", r"(x-1)(x+1)"),
    (r"\sin^2 x+\cos^2 x", "1+0x"),
    (r"2x^2+y=1", r"x^2+y/2=1/2"),
    (r"(-\sqrt2,1)\cup(2,3]", r"(2,3]\cup(-\sqrt2,1)"),
    (r"e^{i\pi}", "-1+0i"),
    (r"\log_2 8", r"\sqrt{9}+0\ln 2"),
    (r"\binom{2n}{n}", r"\frac{(2n)!}{(n!)^2}"),
    (r"\arctan x+\tan x", r"\tan x+\arctan x+0x"),
]


def main() -> None:
    """The nursery's life: load, warm up, and keep one judge alive until standard input ends."""
    memory_bytes = int(sys.argv[1])
    for gold, answer in _WARM_UP:
        compare(read(gold), [read(answer)], algebra=NumericAlgebra())
    judges: list[int] = []
    asked: list[int] = []

    def kill(number: int, _: object) -> None:
        asked.append(number)
        os.kill(judges[-1], signal.SIGKILL)

    signal.signal(signal.SIGUSR1, kill)
    signal.signal(signal.SIGTERM, lambda *_: _end(judges[-1]))
    end_with_parent(signal.SIGTERM)
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
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF:
            _answer({"overran": True})
        if asked:
            asked.clear()
            _answer({"killed": True})
        _drop_requests()


def _end(judge: int) -> NoReturn:
    os.kill(judge, signal.SIGKILL)
    os._exit(0)


def _wait(judge: int) -> int:
    """Waits for the judge's end without reaping it while a signal could still be meant for it."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    os.waitid(os.P_PID, judge, os.WEXITED | os.WNOWAIT)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    return os.waitpid(judge, 0)[1]


def _drop_requests() -> None:
    """Reads what lies in standard input. No request is on its way: the parent waits for the next judge."""
    while select.select([0], [], [], 0)[0] and os.read(0, 65536):
        _drop_requests()


def _serve() -> NoReturn:
    """Judges line after line. Unbuffered, so that nothing is lost with the process."""
    _answer({"ready": True})
    for number in range(1, ANSWERS_PER_JUDGE + 1):
        request = _request()
        limit_cpu(request["seconds"])
        stays = number < ANSWERS_PER_JUDGE
        try:
            verdict = _judge(request["pairs"], Rules(**{name: decode(rule) for name, rule in request["rules"].items()}))
        except BaseException:  # MemoryError among them: this process is used up
            verdict, stays = "crashed", False
        limit_cpu(0)
        _answer({"id": request["id"], "verdict": verdict, "stays": stays})
        if not stays:
            break
    os._exit(0)


def _judge(pairs: list[Any], rules: Rules) -> str:
    try:
        for gold, answers in pairs:
            if compare(decode(gold), decode(answers), rules, NumericAlgebra()):
                return "correct"
    except (TooLarge, RecursionError):
        return "rejected"
    return "wrong"


def _request() -> dict[str, Any]:
    """The next request, behind what is left of one that was too long for the nursery to drop at once."""
    text = b""
    while True:
        piece = os.read(0, 65536)
        if not piece:
            os._exit(_INPUT_ENDED)
        text += piece
        if text.endswith(b"\n"):
            *_, line = text.splitlines()
            try:
                request: dict[str, Any] = json.loads(line)
                return request
            except ValueError:
                text = b""


def _answer(message: dict[str, object]) -> None:
    try:
        os.write(1, b"\n" + json.dumps(message).encode() + b"\n")
    except BrokenPipeError:  # nobody listens any more, and no next judge is wanted
        os._exit(_INPUT_ENDED)


if __name__ == "__main__":
    main()
