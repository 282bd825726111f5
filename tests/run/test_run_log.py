"""data/run.log has what stages print, however they end."""

import io
import os
import re
import subprocess
import sys

import pytest
from builders import PYTHONPATH

from mtpipe import run_log
from mtpipe.run_log import LOG

STAGE = """\
import os, signal, subprocess, sys
from mtpipe.run_log import others, others_inherit

def start(says, **options):
    return subprocess.Popen([sys.executable, "-c", f"import os, time; {says}; os.abort()"], **options)

print("to standard output")
sys.stderr.write("a bar\\rthe same bar\\r")
print("to standard error", file=sys.stderr)
match sys.argv[-1]:
    case "well":
        print("no end of line", end="")
    case "refused":
        sys.exit("error in stage hello: nothing to greet")
    case "defect":
        1 / 0
    case "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    case "judge":
        start("os.write(2, b'a word of a judge')", stderr=others()).wait()
    case "ranks":
        with others_inherit():
            start("os.write(1, b'a word of a rank\\\\n')").wait()
        print("after them")
    case "outlived":
        start("time.sleep(1); os.write(2, b'a last word')", stderr=others())
        os.kill(os.getpid(), signal.SIGKILL)
"""


def launch(folder, how):
    (folder / "stages").mkdir(exist_ok=True)
    (folder / "stages" / "__init__.py").touch()
    (folder / "stages" / "hello.py").write_text(STAGE)
    return subprocess.Popen(
        [sys.executable, "-m", "mtpipe.run.launch", "hello", "--arm", "token", "--how", how],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": PYTHONPATH},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "end"),
    [
        ("well", "| no end of line; ends after"),
        ("refused", "fails: error in stage hello: nothing to greet after"),
        ("defect", "| ZeroDivisionError: division by zero; fails after"),
        ("killed", "| to standard error"),
        ("judge", "| a word of a judge; ends after"),
        ("ranks", "| a word of a rank; | after them; ends after"),
        ("outlived", "| a last word"),
    ],
)
def test_a_stages_lines_are_printed_and_logged_however_it_ends(tmp_path, how, end):
    started = launch(tmp_path, how)
    printed, errors = started.communicate(timeout=60)
    assert (started.returncode == 0) == (how in ("well", "judge", "ranks"))
    assert all(word.removeprefix("| ") in printed + errors for word in end.split("; ") if "word" in word)
    assert printed.startswith("to standard output\n")
    assert "to standard error\n" in errors
    lines = (tmp_path / LOG).read_text().splitlines()
    assert all(re.match(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d hello-token-{how}( |$)", line) for line in lines)
    told = [line.partition(f"hello-token-{how} ")[2] for line in lines]
    assert told[:2] == ["begins", "| to standard output"]
    assert "| to standard error" in told
    assert not any("bar" in line for line in told), "a short bar leaves nothing"
    last = "; ".join(told[-3:]).replace("| | ", "| ")
    assert all(part in last for part in end.split("; ")), last


@pytest.mark.slow
def test_stages_side_by_side_share_the_file_without_mixing_lines(tmp_path):
    started = [launch(tmp_path, "well") for _ in range(3)]
    for one in started:
        one.communicate(timeout=60)
    lines = (tmp_path / LOG).read_text().splitlines()
    assert len(lines) == 3 * 5
    assert sum("| to standard output" in line for line in lines) == 3


def test_a_long_bar_leaves_a_line_now_and_then(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seconds = [0.0]
    monkeypatch.setattr(run_log.time, "monotonic", lambda: seconds[0])
    stream = run_log.CopiedStream(io.StringIO(), "rollout-token-1-0")
    for percent in range(101):
        seconds[0] += 1.0
        stream.write(f"\r{percent} %")
    stream.end()
    written = [int(line.split()[-2]) for line in LOG.read_text().splitlines()]
    assert written == [28, 58, 88, 100]


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    LOG.mkdir(parents=True)
    run_log.write_line("token-1: done")


@pytest.mark.slow
def test_what_a_resident_engine_prints_is_in_the_log_too(tmp_path):
    printed = tmp_path / "data" / "engines" / "0-1.log"
    printed.parent.mkdir(parents=True)
    with open(printed, "wb") as output:
        command = [sys.executable, "-m", "mtpipe.sampling.serving", "a.socket", "1-1"]
        ended = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": PYTHONPATH},
            input=b"no terms",
            stdout=output,
            stderr=output,
            check=False,
        )
    assert ended.returncode == 1
    last = printed.read_text().split("\n\n")[0].splitlines()[-1]
    assert (tmp_path / LOG).read_text().splitlines()[-1].endswith(f" engine-0-1 | {last}")
