"""The judging processes, on hostile answers: each costs its own limit at most, and the others keep their verdicts."""

import json
import os
import random
import re
import shutil
import string
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import ROOT
from judging_processes import EQUAL, UNEQUAL, judges

from mtpipe.verify.answers import Gold, judge_answers
from mtpipe.verify.pool import Pool, Undecided
from mtpipe.verify.reader.read import read

pytestmark = pytest.mark.slow

HOSTILE = ROOT.parent / "shared" / "data" / "verifier" / "adversarial.jsonl"


SLOW = Undecided(((read(r"\sqrt{2}"), tuple([read(r"\sum_{n=1}^{2000}\sqrt{n^{0.3}}")] * 200)),))
"""Hundreds of thousands of steps, each within its bound."""


@pytest.fixture(scope="module")
def pool():
    with Pool(processes=2, seconds=10.0) as ready:
        list(ready.judge([EQUAL, EQUAL]))
        yield ready


def test_answers_keep_their_verdicts_beside_hostile_ones():
    with Pool(processes=1, seconds=0.5) as short:
        verdicts = dict(short.judge([EQUAL, SLOW, EQUAL, UNEQUAL, SLOW, UNEQUAL, EQUAL]))
    assert [verdicts[index] for index in range(7)] == [
        "correct", "timeout", "correct", "wrong", "timeout", "wrong", "correct",
    ]  # fmt: skip


def test_memory_is_bounded_and_the_next_answer_judged():
    """A judge that may have no more than it has been born with: the address space ends first."""
    with Pool(processes=1, memory_bytes=1 << 20) as small:
        verdicts = dict(small.judge([EQUAL, UNEQUAL]))
        assert set(verdicts.values()) <= {"crashed", "correct", "wrong"}
        assert judge_memory(small) <= 1 << 20
    with Pool(processes=1) as pool:
        assert dict(pool.judge([EQUAL])) == {0: "correct"}
        assert judge_memory(pool) <= 1 << 30


def judge_memory(pool: Pool) -> int:
    """The largest address space that a judge of the pool may have, by the kernel's account."""
    limits = []
    for judge in judges(pool):
        rows = Path(f"/proc/{judge}/limits").read_text().splitlines()
        limits += [int(row.split()[3]) for row in rows if row.startswith("Max address space")]
    assert limits
    return max(limits)


def test_the_processes_judge_what_exact_arithmetic_cannot(pool):
    pairs = [
        (r"3t", r"\boxed{3}", False),
        (r"5m", r"\boxed{5}", False),
        (r"x^2-1", r"\boxed{(x-1)(x+1)}", True),
        (r"34x+45y-20z+100=0", r"\boxed{-34x-45y+20z-100=0}", True),
        (r"(-\sqrt2,1)\cup(2,3]", r"\boxed{(2,3]\cup(-\sqrt{2},1)}", True),
        (r"\sqrt{2},-\sqrt{2}", r"\boxed{\pm\frac{2}{\sqrt{2}}}", True),
    ]
    judged = judge_answers([(Gold((gold,)), text) for gold, text, _ in pairs], pool)
    assert [found.verdict == "correct" for found in judged] == [right for _, _, right in pairs], judged


def test_the_verdicts_tell_the_reasons_apart(pool):
    texts = [r"\boxed{42}", r"\boxed{41}", "42", r"\boxed{?}", r"\boxed{10^{1000000000}}", r"\boxed{}"]
    judged = judge_answers([(Gold(("42",)), text) for text in texts], pool)
    assert [found.verdict for found in judged] == [
        "correct", "wrong", "no_answer", "unparseable", "rejected", "no_answer",
    ]  # fmt: skip


def test_any_or_all_of_the_golds_have_to_be_met(pool):
    pairs = [(Gold(("1", "2"), match), rf"\boxed{{{text}}}") for match in ("any", "all") for text in ("2", "2, 1", "3")]
    judged = judge_answers(pairs, pool)
    assert [found.verdict == "correct" for found in judged] == [True, False, False, False, True, False]


@pytest.mark.parametrize(
    "code",
    [
        "open('MARKER', 'w')",
        "os.open('MARKER', os.O_CREAT | os.O_WRONLY)",
        "os.mkdir('MARKER')",
        "os.system('touch MARKER')",
        "os.posix_spawn('/bin/touch', ['touch', 'MARKER'], {})",
        "socket.socket()",
        "exec('1')",
        "eval('1')",
        "compile('1', '', 'eval')",
        "__import__('this')",
        "bytearray(1 << 31)",
        "ctypes.CDLL('libm.so.6')",
    ],
)
def test_code_that_ran_in_a_judge_could_do_nothing(tmp_path, code):
    """What a hole in the parser would give: the layers hold although the code already runs."""
    tmp_path.chmod(0o777)
    program = f"""
        import ctypes, os, socket, sys
        from mtpipe.verify.sandbox import lock_down
        os.chdir({str(tmp_path)!r})
        attack = compile({code!r}, "attack", "exec")
        function = type(lambda: 0)(attack, globals())
        lock_down(1 << 30)
        try:
            function()
        except BaseException as error:
            os.write(1, b"stopped")
            os._exit(0)
        os._exit(0)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ended.stdout == "stopped", ended
    assert list(tmp_path.iterdir()) == []


def test_without_pythons_own_layer_the_kernel_still_refuses(tmp_path):
    """The audit hook aside: no file, no socket, no child, for machine code either."""
    tmp_path.chmod(0o777)
    program = f"""
        import os, socket, sys
        from mtpipe.verify import sandbox
        os.chdir({str(tmp_path)!r})
        sandbox.refuse = lambda *_: None
        sandbox.lock_down(1 << 30)
        read = lambda: os.open("/etc/passwd", os.O_RDONLY)
        for attack in (lambda: open("MARKER", "w"), socket.socket, os.pipe, read):
            try:
                attack()
                os.write(1, b"done ")
            except OSError as error:
                os.write(1, b"stopped ")
        os._exit(0)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ended.stdout.split() == ["stopped"] * 4, ended
    assert list(tmp_path.iterdir()) == []


def test_a_judge_that_says_what_it_likes_harms_only_its_own_answers():
    """Lines that are no verdict are ignored; nothing from a judge is unpickled, evaluated or taken for a process id."""
    from mtpipe.verify.pool import read_message

    assert read_message(b'{"id": 1, "verdict": "correct"}')["verdict"] == "correct"
    for line in (b"", b"\x80\x04\x95", b"[1]", b"null", b'{"ready"', b"[" * 100_000):
        assert read_message(line) == {}


@pytest.fixture
def marker() -> Iterator[Path]:
    """The file that hostile code would leave behind.

    Its path is in the answers, so its folder's name has no digits: pytest's own `pytest-42` would be a right answer.
    """
    folder = Path(tempfile.gettempdir()) / f"marker-{''.join(random.choices(string.ascii_lowercase, k=16))}"
    folder.mkdir()
    folder.chmod(0o777)
    yield folder / "marker"
    shutil.rmtree(folder)


def own_hostile_answers(marker: Path) -> list[str]:
    """Hostile answers of our own, for where the collection is not at hand."""
    path = "+".join(f"chr({ord(character)})" for character in str(marker))
    return [
        rf"\boxed{{\sum_{{n=0}}^{{\infty}} \frac{{1}}{{n! (n \dot{{(0,open({path},chr(119)))}} + 1)}}}}",
        rf"\boxed{{\{{\sum_{{n=0}}^{{\infty}} \frac{{1}}{{n! (n \hat{{(0,open({path},chr(119)))}} + 1)}}\}}}}",
        rf"\boxed{{__import__('os').system('touch {marker}')}}",
        rf"The answer is open('{marker}','w')",
        r"\boxed{7^{7^{7^{7}}}}", r"\boxed{1E99999999}", r"\boxed{99999999!}", r"\boxed{\binom{88888888}{44444444}}",
        r"\boxed{" + "(" * 900 + "42" + ")" * 900 + "}", r"\boxed{" + "-" * 1500 + "42}", r"\boxed{" + "8" * 1900 + "}",
        r"\boxed{4" + "\u200b2}", r"\boxed{\int_0^1 x^{-x} dx}", r"\boxed{142 \bmod 100}", r"\boxed{42=7}",
        r"\boxed{\{42\}}", r"\boxed{\operatorname{eye}(99999)}", "\\boxed{41} " * 60_000 + r"\boxed{42}",
    ]  # fmt: skip


def test_own_hostile_answers_are_none_of_them_right_and_run_nothing(pool, marker):
    hostile = own_hostile_answers(marker)
    pairs = [(Gold((gold,), rule="any"), text) for text in hostile for gold in ("42", r"\sqrt{2}", r"\frac{\pi}{4}")]
    judged = judge_answers([*pairs, (Gold((r"\sqrt{8}",)), r"\boxed{2\sqrt{2}}")], pool)
    assert not [(pairs[index][1][:80], found) for index, found in enumerate(judged[:-1]) if found.verdict == "correct"]
    assert judged[-1].verdict == "correct"
    assert not marker.exists()


@pytest.mark.skipif(not HOSTILE.is_file(), reason="../shared/data/verifier/adversarial.jsonl is not here")
def test_the_collected_hostile_answers_get_their_expected_verdicts(pool):
    rows = [json.loads(line) for line in HOSTILE.read_text().splitlines()]
    marker = Path(re.findall(r"open\('([^']+)','w'\)", HOSTILE.read_text())[0])  # the file that they try to create
    marker.unlink(missing_ok=True)
    pairs = []
    for row in rows:
        repeat = row.get("repeat")
        text = repeat["prefix"] + repeat["unit"] * repeat["times"] + repeat["suffix"] if repeat else row["pred"]
        pairs.append((Gold((row["gold"],), rule="any"), text))
    judged = judge_answers([*pairs, (Gold((r"\sqrt{8}",)), r"\boxed{2\sqrt{2}}")], pool)
    others = [
        row["id"] for row, found in zip(rows, judged[:-1], strict=True) if (found.verdict == "correct") != row["expect"]
    ]
    assert not others
    assert judged[-1].verdict == "correct"
    assert not marker.exists()
