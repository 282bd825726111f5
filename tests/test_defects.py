"""The lists of planted defects stay true, and the command that plants them tells what tests notice."""

from collections import Counter
from pathlib import Path

import pytest
from builders import ROOT
from plant_defects import Defect, edited, plant, planted, read_lists

DEFECTS = read_lists()


@pytest.mark.slow
def test_every_defect_is_an_edit_that_can_be_made_once_and_leaves_python():
    for defect in DEFECTS:
        text = (ROOT / defect.file).read_text()
        assert defect.old != defect.new, defect
        compile(edited(text, defect), defect.file, "exec")


def test_no_two_defects_are_one_and_each_names_tests_that_are_there():
    assert not [name for name, count in Counter(map(str, DEFECTS)).items() if count > 1]
    assert not [edit for edit, count in Counter((one.file, one.old, one.new) for one in DEFECTS).items() if count > 1]
    assert not [(str(one), test) for one in DEFECTS for test in one.tests if not (ROOT / test).is_file()]


def test_old_text_that_is_gone_or_there_twice_is_refused():
    for text in ("", "x = 1\nx = 1\n"):
        with pytest.raises(ValueError, match="expected once"):
            edited(text, Defect("area", "a.py", "x = 1", "x = 2", "x is 2", ("test_a.py",)))


@pytest.fixture
def tree(tmp_path) -> Path:
    (tmp_path / "adding.py").write_text("def add(a, b):\n    return a + b  # sum\n")
    (tmp_path / "test_adding.py").write_text("from adding import add\n\ndef test_it():\n    assert add(2, 3) == 5\n")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\npythonpath = ["."]\nmarkers = ["slow: 1", "pipeline: 2", "exhaustive: 3"]\n'
    )
    return tmp_path


@pytest.mark.slow
def test_a_defect_that_tests_notice_is_told_from_one_that_they_do_not(tree, capsys):
    text = (tree / "adding.py").read_text()
    wrong = Defect("area", "adding.py", "a + b", "a - b", "it subtracts", ("test_adding.py",))
    harmless = Defect("area", "adding.py", "# sum", "# add", "the comment", ("test_adding.py",))
    same_length = Defect("area", "adding.py", "a + b", "b + b", "it doubles", ("test_adding.py",))
    assert plant([wrong, harmless, same_length], tree) == [harmless]
    assert (tree / "adding.py").read_text() == text
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["noticed", "SURVIVED", "noticed"]


@pytest.mark.slow
def test_a_tree_whose_tests_fail_by_themselves_is_refused(tree):
    defect = Defect("area", "adding.py", "a + b", "a - b", "it subtracts", ("test_adding.py",))
    with planted(tree, defect), pytest.raises(SystemExit, match="fail without a defect"):
        plant([Defect("area", "adding.py", "# sum", "# add", "the comment", ("test_adding.py",))], tree)
