"""The algorithm on one page runs as it stands, and stays a page."""

import re
import runpy
import sys

import pytest
from builders import ROOT

EXAMPLE = ROOT / "examples" / "one_round.py"


def test_the_example_is_a_page_that_the_readme_begins_with():
    assert len(EXAMPLE.read_text().splitlines()) <= 100
    assert "(examples/one_round.py)" in (ROOT / "README.md").read_text()


EASIER = {
    '"warm_start_problems": 20000, "train_problems": 400': '"operands": 3, "largest": 6, "right_order": 0.9, '
    '"warm_start_problems": 250, "train_problems": 40',
    '"warm_start": {"steps": 700, "batch_size": 96}': '"warm_start": {"steps": 250, "batch_size": 32}',
    '"sampling": {"prompts": 32}': '"sampling": {"prompts": 32, "max_new_tokens": 24}',
}
"""Sums that are learned in seconds instead of minutes."""


@pytest.mark.slow
def test_the_example_shows_a_group_with_its_advantages_and_takes_a_step(tmp_path, monkeypatch, capsys):
    code = EXAMPLE.read_text()
    for given, easier in EASIER.items():
        assert code.count(given) == 1
        code = code.replace(given, easier)
    (tmp_path / EXAMPLE.name).write_text(code)
    monkeypatch.setattr(sys, "argv", [EXAMPLE.name])
    runpy.run_path(str(tmp_path / EXAMPLE.name), run_name="__main__")
    said = capsys.readouterr().out
    shown = re.findall(r"reward ([01]), advantage ([+-][\d.]+):  (\S+)", said)
    assert len(shown) == 8
    assert {(reward, advantage[0]) for reward, advantage, _ in shown} == {("0", "-"), ("1", "+")}
    assert any("^" in text for _, _, text in shown), "no token was hot"
    assert "grad_norm" in said
