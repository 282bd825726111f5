"""`mtpipe --print-completion bash`, asked by bash itself."""

import subprocess

import pytest

from mtpipe.__main__ import main


@pytest.mark.parametrize(("typed", "offered"), [(["ch"], ["check"]), (["temperatures", "--pl"], ["--plot"])])
def test_bash_completes_commands_and_options(typed, offered, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.argv", ["/anywhere/mtpipe", "--print-completion", "bash"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    script = tmp_path / "completion.sh"
    script.write_text(capsys.readouterr().out)
    asked = f"source {script}; COMP_WORDS=(mtpipe {' '.join(typed)}); COMP_CWORD={len(typed)}; _shtab_mtpipe; "
    said = subprocess.run(["bash", "-c", asked + 'echo "${COMPREPLY[@]}"'], capture_output=True, text=True, check=True)
    assert said.stdout.split() == offered
