"""A study of which nothing has changed since all was up to date is not looked at again."""

import json

import pytest
from builders import ROOT
from study_projects import start, wait_for

from benchmarks.trivial_study import write_params
from mtpipe.run.study.settled import SETTLED, UP_TO_DATE, is_settled, see, settle, unsettle

pytestmark = pytest.mark.pipeline


@pytest.fixture
def without_dvc(tmp_path):
    """A PYTHONPATH on which an import of DVC fails."""
    (tmp_path / "without" / "dvc").mkdir(parents=True)
    (tmp_path / "without" / "dvc" / "__init__.py").write_text("raise ImportError('DVC was imported')\n")
    return f"{tmp_path / 'without'}:{ROOT}"


def test_where_nothing_has_changed_dvc_is_not_asked(finished, without_dvc):
    finished.run()
    again = finished.try_to_run(PYTHONPATH=without_dvc)
    assert (again.returncode, again.stdout.strip()) == (0, UP_TO_DATE), again.stderr
    (finished.folder / SETTLED).unlink()
    assert "DVC was imported" in finished.try_to_run(PYTHONPATH=without_dvc).stderr


def write(path, text="other"):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


CHANGES = {
    "a setting": lambda root: write(root / "params.yaml"),
    "the pipeline": lambda root: write(root / "dvc.yaml"),
    "its lock": lambda root: write(root / "dvc.lock"),
    "a file that stages read": lambda root: write(root / "stage.py"),
    "an output": lambda root: write(root / "report" / "tables.md"),
    "a missing output": lambda root: (root / "mlflow" / "receipt.json").unlink(),
    "a file in an output": lambda root: write(root / "data" / "problems" / "sources.json"),
    "a new file in an output": lambda root: write(root / "data" / "problems" / "new.json"),
    "an object that the cache has lost": lambda root: next(
        path for path in root.glob(".dvc/cache/files/md5/*/*") if not path.name.endswith(".dir")
    ).unlink(),
    "DVC's settings": lambda root: write(root / ".dvc" / "config.local", "[core]\n"),
    "a file that DVC tracks": lambda root: write(root / "mine.csv.dvc"),
    "another pipeline": lambda root: write(root / "others" / "dvc.yaml"),
}


def test_any_change_has_the_study_looked_at(finished, monkeypatch):
    (finished.folder / "others").mkdir()
    finished.run()
    monkeypatch.chdir(finished.folder)
    paths = json.loads(SETTLED.read_text())
    for name, change in CHANGES.items():
        settle(see(paths))
        assert is_settled()
        change(finished.folder)
        assert not is_settled(), name
    unsettle()
    assert not is_settled()


def test_an_edit_while_stages_run_counts_from_the_next_run_on(new, without_dvc):
    started = start(new, SECONDS="0.3")
    wait_for(new, "evaluate@arm1-1-1", started)
    write_params(new.folder, ["arm0", "arm1"], [1], 1, arm1=1.2)
    started.communicate(timeout=300)
    assert started.returncode == 0
    (new.folder / "data" / "chains" / "closing" / "log").unlink()
    started = start(new, SECONDS="0.5")
    wait_for(new, "report", started)  # whose process has read dvc.yaml
    graph = (new.folder / "dvc.yaml").read_text()
    (new.folder / "dvc.yaml").write_text(graph.replace("stage.py report/viewer", "stage.py ./report/viewer"))
    started.communicate(timeout=300)
    assert started.returncode == 0
    assert new.run() == {"look"}
    assert new.try_to_run(PYTHONPATH=without_dvc).stdout.strip() == UP_TO_DATE
