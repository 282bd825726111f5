"""The algorithm on one page runs as it stands, and stays a page."""

import os
import re
import subprocess
import sys

import pytest
from builders import ROOT

EXAMPLE = ROOT / "examples" / "one_round.py"


def test_the_example_is_a_page_that_the_readme_begins_with():
    assert len(EXAMPLE.read_text().splitlines()) <= 100
    assert "(examples/one_round.py)" in (ROOT / "README.md").read_text()


@pytest.mark.pipeline
def test_the_example_shows_a_group_with_its_advantages_and_takes_a_step(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, EXAMPLE], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]
    shown = re.findall(r"reward ([01]), advantage ([+-][\d.]+):  (\S+)", ended.stdout)
    assert len(shown) == 8
    assert {(reward, advantage[0]) for reward, advantage, _ in shown} == {("0", "-"), ("1", "+")}
    assert any("^" in text for _, _, text in shown), "no token was hot"
    assert "grad_norm" in ended.stdout
