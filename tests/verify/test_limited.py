"""Programs that a judge runs end within their limits, whatever they do."""

import os
import time
from pathlib import Path

import pytest

from mtpipe.verify.limited import OUTPUT, Ran, run_limited


def test_a_program_gives_its_output_for_its_input():
    assert run_limited("print(int(input()) + 1)", "41") == Ran("ended", "42\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "end"),
    [
        ("while True: pass", "timeout"),
        ("import time; time.sleep(60)", "timeout"),
        ("print(1 / 0)", "failed"),
        ("def", "failed"),
        ("'x' * 10**9", "failed"),
        ("import sys; sys.exit(3)", "failed"),
        ("while True: print('x' * 10**5)", "failed"),
    ],
)
def test_what_goes_beyond_a_limit_ends(program, end):
    found = run_limited(program, seconds=0.7)
    assert found.end == end
    assert len(found.output) <= OUTPUT


def test_it_starts_in_a_folder_of_its_own_with_an_empty_environment_and_leaves_nothing(monkeypatch):
    monkeypatch.setenv("SECRET", "s")
    program = "import os; print(os.listdir(), os.environ.get('SECRET'), os.getcwd())"
    *seen, folder = run_limited(program).output.split()
    assert seen == ["['program.py']", "None"]
    assert not Path(folder).exists()


def test_what_it_started_in_its_group_ends_with_it():
    program = (
        "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"
    )
    child = int(run_limited(program, memory=2 * 1024**3).output)
    for _ in range(50):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.1)
    os.kill(child, 9)
    pytest.fail("the child goes on")
