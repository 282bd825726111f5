"""What the documentation prints of a study is what its command makes of the scores that are in git."""

import re
import shlex

import pytest
from builders import ROOT

from mtpipe.__main__ import main

PRINTED = re.compile(
    r"^    (python -m mtpipe contrast docs/results/[^\n]*)\n\n```text\n(.*?)```$", re.MULTILINE | re.DOTALL
)
FOUND = [
    (page.name, *found) for page in sorted((ROOT / "docs").glob("*.md")) for found in PRINTED.findall(page.read_text())
]


@pytest.mark.parametrize(("page", "command", "printed"), FOUND)
def test_a_page_prints_what_its_command_says(page, command, printed, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["mtpipe", *shlex.split(command)[3:]])
    main()
    assert capsys.readouterr().out == printed


def test_every_file_of_results_is_printed_on_a_page():
    for file in (ROOT / "docs" / "results").iterdir():
        assert any(f"docs/results/{file.name}" in command for _, command, _ in FOUND), file
