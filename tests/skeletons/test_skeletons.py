"""What `python -m mtpipe new` writes works as it is: its test passes, and params.yaml takes it."""

import re
import subprocess
import sys

import pytest
from builders import ROOT, changed_params
from ruamel.yaml import YAML

from mtpipe.errors import MtpipeError
from mtpipe.params import load_params
from mtpipe.skeletons.write import KINDS, write_skeleton


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for module in [name for name in sys.modules if name == "plugins" or name.startswith("plugins.")]:
        monkeypatch.delitem(sys.modules, module)
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_params_yaml_takes_what_a_skeleton_says(folder, kind):
    told = write_skeleton(kind, f"My{kind.capitalize()}")
    name = f"my_{kind}"
    entry = YAML(typ="safe").load(re.search(r":\n\n(\w.*?)\n\n`", told, re.DOTALL)[1])
    arms = {"arms": [name], "report.baseline": name} if "temperature" in entry else {}
    task = {"task": entry.pop("task")} if "task" in entry else {}
    with open("params.yaml", "w") as file:
        YAML(typ="safe").dump(changed_params(arms | entry) | task, file)
    assert load_params().plans()


@pytest.mark.slow
def test_every_skeleton_passes_its_test(folder):
    for kind in KINDS:
        write_skeleton(kind, f"My{kind.capitalize()}")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "plugins"]
    environment = {"PYTHONPATH": f"{ROOT}:{folder}", "PATH": ""}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(list(folder.glob("plugins/test_*.py"))) == len(KINDS)


def test_nothing_is_written_over_and_a_name_has_to_be_one(folder):
    write_skeleton("schedule", "slow")
    before = (folder / "plugins" / "slow.py").read_text()
    with pytest.raises(MtpipeError, match=r"plugins/slow\.py exists"):
        write_skeleton("schedule", "Slow")
    assert (folder / "plugins" / "slow.py").read_text() == before
    for name in ("../out", "2fast", "a b", ""):
        with pytest.raises(MtpipeError, match="cannot name a class"):
            write_skeleton("rule", name)
    assert sorted(path.name for path in (folder / "plugins").iterdir()) == ["slow.py", "test_slow.py"]
