"""What the judges of reasoning-gym do with a model's text: a scan of their sources, and judges that mean harm."""

import ast
import inspect
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.tasks.gym.expressions import READABLE, UNREADABLE, score_expression
from mtpipe.tasks.gym.refused import JUDGED_HERE, REFUSED
from mtpipe.tasks.gym.scoring import environment

DATASETS = pytest.importorskip("reasoning_gym.factory").DATASETS
RUNS_TEXT = {
    "eval", "exec", "compile", "__import__", "import_module", "sympify", "parse_expr", "parse_latex", "lambdify",
    "literal_eval", "system", "popen", "Popen", "check_output", "getattr", "globals", "unpickle", "safe_load",
}  # fmt: skip


def called(function) -> set[str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    functions = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {node.id if isinstance(node, ast.Name) else getattr(node, "attr", "") for node in functions}


def reached(dataset: type) -> set[str]:
    """The names of all that a judge calls, followed through the package's own functions, methods and classes."""
    waiting, seen, outside = [dataset.score_answer], set(), set()
    while waiting:
        function = inspect.unwrap(getattr(waiting[-1], "__func__", waiting.pop()))
        if function in seen or not inspect.isfunction(function):
            continue
        seen.add(function)
        for name in called(function):
            places = (dataset, sys.modules[function.__module__])
            found = next((getattr(place, name) for place in places if hasattr(place, name)), None)
            if not str(getattr(found, "__module__", "")).startswith("reasoning_gym"):
                outside.add(name)
            elif inspect.isclass(found):
                waiting += [each for each in vars(found).values() if callable(each) or isinstance(each, classmethod)]
            else:
                waiting.append(found)
    return outside


def test_every_judge_that_runs_text_is_refused_or_replaced():
    running = {name for name, (dataset, _) in DATASETS.items() if reached(dataset) & RUNS_TEXT}
    assert not running - REFUSED.keys() - JUDGED_HERE.keys()


def test_what_is_refused_for_running_text_does_run_it():
    said = {name for name, reason in REFUSED.items() if "as Python" in reason}
    assert said <= DATASETS.keys()
    assert not [name for name in {*said, *JUDGED_HERE} if not reached(DATASETS[name][0]) & RUNS_TEXT]


def test_the_scan_follows_a_judge_into_its_helpers():
    assert "eval" in reached(DATASETS["bitwise_arithmetic"][0])  # in a function beside the class
    assert "loads" in reached(DATASETS["codeio"][0])


HOSTILE = """
import os, signal, socket, sys
from mtpipe.tasks.gym import scorer

def judge(text, entry):
    if text == "gold":
        found, entry["answer"] = entry["answer"], "spoilt"
        return 0.75 if found == "gold" else 0.1
    return eval(text)

def forever():
    while True:
        pass

taken_over = {
    "forever": forever,
    "hoard": lambda: bytearray(8 << 30),
    "open": lambda: open(sys.argv[1], "w"),
    "touch": lambda: os.system("touch " + sys.argv[1]),
    "fork": os.fork,
    "socket": socket.socket,
    "import": lambda: __import__("wave"),
    "lie": lambda: os.write(1, b"2.0" + bytes([10])),
    "exit": lambda: os._exit(0),
    "timed": lambda: signal.getitimer(signal.ITIMER_PROF)[0] > 0,
}
entry = {"answer": "gold"}
answers = [(lambda text, entry: taken_over[text]() and 0.5, entry, name) for name in taken_over]
answers += [(judge, entry, text) for text in ("1", "float('nan')", "gold", "gold")]
while answers:
    answers = answers[scorer.serve(answers, 0.3, 2 << 30):]
"""


@pytest.mark.slow
def test_a_judge_can_do_no_harm_and_what_it_costs_is_its_own_answer(tmp_path):
    tmp_path.chmod(0o777)
    mark = tmp_path / "mark"
    command = [sys.executable, "-c", HOSTILE, str(mark)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=True, timeout=60)
    assert done.stdout.split() == [
        "timeout", "crashed", "0.0", "0.0", "0.0", "0.0", "0.0", "crashed", "crashed", "0.5",
        "0.0", "0.0", "0.75", "0.75",
    ]  # fmt: skip
    assert not mark.exists()


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("(3+7)*2-4", 1.0),
        ("2*(7+3) - 4", 1.0),
        ("3*7-2-4", READABLE),
        ("(3+7)*2-4+0", READABLE),
        ("16", READABLE),
        ("(3+7)*2-4=16", UNREADABLE),
        ("3**7**2**4", UNREADABLE),
        ("9**9**9", UNREADABLE),
        ("3/(7-7)", UNREADABLE),
        ("", UNREADABLE),
        ("(" * 200 + "3" + ")" * 200, UNREADABLE),
        ("-" * 400 + "3", UNREADABLE),
        ("9" * 400, UNREADABLE),
        ("3+7" * 300, UNREADABLE),
        ("٣+7*2-4", UNREADABLE),
        ("__import__('os')", UNREADABLE),
    ],
)
def test_an_expression_is_worth_its_value_and_its_numbers(answer, score):
    assert score_expression(answer, [3, 7, 2, 4], 16) == score


@given(st.text("0123456789+-*/() ", max_size=40) | st.text(max_size=40))
def test_an_expression_that_is_scored_right_is_right_for_python_too(answer):
    score = score_expression(answer, [1, 2], 3)
    assert score in (1.0, READABLE, UNREADABLE)
    if score == 1.0:
        assert eval(answer.strip()) == 3  # noqa: S307 - a few characters of arithmetic, which this test made
