"""Fingerprints of a small project's code: what counts as a change, and for which stages."""

from pathlib import Path

import pytest

from mtpipe.run.fingerprint import PACKAGES, ROOT, Fingerprints

FILES = {
    "stages/train.py": "from mtpipe.learn.loss import loss\n",
    "stages/draw.py": "def main():\n    from mtpipe import page\n    return page\n",
    "stages/judge.py": "import mtpipe.errors\nWORKER = 'mtpipe.worker'\n",
    "mtpipe/__init__.py": "",
    "mtpipe/errors.py": "class Error(Exception): pass\n",
    "mtpipe/worker.py": "from mtpipe.learn import helper\n",
    "mtpipe/unreached.py": "import mtpipe.errors\n",
    "mtpipe/page/__init__.py": "from . import tables\nfrom .. import errors\n",
    "mtpipe/page/tables.py": "ROWS = 3\n",
    "mtpipe/page/page.html.j2": "<p>{{ rows }}</p>",
    "mtpipe/learn/__init__.py": '"""Learning."""\n',
    "mtpipe/learn/loss.py": '"""The loss."""\n\n\ndef loss(x):\n    """Of x."""\n    return 2 * x  # twice\n',
    "mtpipe/learn/helper.py": "from mtpipe.learn.loss import loss\n",
}


@pytest.fixture
def project(tmp_path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def digests(project: Path) -> dict[str, dict[str, str]]:
    fingerprints = Fingerprints(root=project)
    return {stage: fingerprints.of_stage(stage) for stage in ("train", "draw", "judge")}


def changed(project: Path, file: str, text: str) -> set[str]:
    """The stages whose fingerprint an edit changes."""
    before = digests(project)
    (project / file).write_text(text)
    after = digests(project)
    return {stage for stage in before if before[stage] != after[stage]}


def test_a_stage_reaches_what_it_imports_also_inside_functions_relatively_and_by_name(project):
    found = {stage: set(files) for stage, files in digests(project).items()}
    learn = {"mtpipe/__init__.py", "mtpipe/learn/__init__.py", "mtpipe/learn/loss.py"}
    page = {f"mtpipe/page/{name}" for name in ("__init__.py", "tables.py", "page.html.j2")}
    assert found["train"] == {"stages/train.py", *learn}
    assert found["draw"] == {"stages/draw.py", "mtpipe/__init__.py", "mtpipe/errors.py", *page}
    assert found["judge"] == {
        "stages/judge.py",
        "mtpipe/errors.py",
        "mtpipe/worker.py",
        "mtpipe/learn/helper.py",
        *learn,
    }


@pytest.mark.parametrize(
    "text",
    [
        FILES["mtpipe/learn/loss.py"] + "\n# a comment\n",
        FILES["mtpipe/learn/loss.py"].replace("Of x.", "Something else.").replace("The loss.", "A loss."),
        "def loss(x):\n    return (2\n        * x)\n",
    ],
)
def test_comments_docstrings_and_layout_change_nothing(project, text):
    assert changed(project, "mtpipe/learn/loss.py", text) == set()


@pytest.mark.parametrize(
    ("file", "text", "stages"),
    [
        ("mtpipe/learn/loss.py", FILES["mtpipe/learn/loss.py"].replace("2 * x", "3 * x"), {"train", "judge"}),
        ("mtpipe/learn/loss.py", FILES["mtpipe/learn/loss.py"].replace("2 * x", "2.0 * x"), {"train", "judge"}),
        ("mtpipe/learn/loss.py", 'def loss(x):\n    return "2 * x"\n', {"train", "judge"}),
        ("mtpipe/page/page.html.j2", "<p>{{ rows }}</p> ", {"draw"}),
        ("mtpipe/page/new.css", "p {}", {"draw"}),
        ("mtpipe/errors.py", "class Error(ValueError): pass\n", {"draw", "judge"}),
        ("mtpipe/unreached.py", "import os\n", set()),
        ("stages/train.py", "from mtpipe.learn.helper import loss\n", {"train"}),
    ],
)
def test_an_edit_changes_the_stages_that_reach_it(project, file, text, stages):
    assert changed(project, file, text) == stages


def test_a_known_file_is_not_parsed_again_and_the_digests_are_the_same(project, monkeypatch):
    first = Fingerprints(root=project)
    found = {stage: first.of_stage(stage) for stage in ("train", "judge")}
    monkeypatch.setattr("ast.parse", None)
    again = Fingerprints(first.cache, root=project)
    assert {stage: again.of_stage(stage) for stage in found} == found


@pytest.mark.slow
def test_each_stage_of_the_pipeline_reaches_what_it_should_and_no_more():
    """Beside what other tests hold: an edit of the report retrains nothing, one of a schedule samples nothing again."""
    fingerprints = Fingerprints()
    reached = {file.stem: fingerprints.of_stage(file.stem) for file in (ROOT / "stages").glob("*.py")}
    assert "mtpipe/report/page.html.j2" in reached["report"]
    assert "mtpipe/learn/losses/surrogates.py" in reached["update"]
    assert "mtpipe/verify/worker.py" in reached["verify"]
    assert "mtpipe/sampling/vllm/adapter_v2.py" in reached["rollout"]
    assert "mtpipe/sampling/ray_engine.py" in reached["rollout"]
    for stage in ("warm_start", "rollout", "verify", "update", "evaluate", "measure", "start", "prepare"):
        for room in ("report", "tracking", "statistics", "look", "budget", "commands"):
            assert not [file for file in reached[stage] if file.startswith(f"mtpipe/{room}/")], (stage, room)
        assert "mtpipe/params.py" not in reached[stage]
        assert "mtpipe/temperature/schedule.py" not in reached[stage]
    assert not [file for file in reached["measure"] if file.startswith(("mtpipe/learn", "mtpipe/sampling"))]


def test_the_packages_are_those_of_the_project():
    assert {folder.parent.name for folder in ROOT.glob("*/__init__.py")} <= {*PACKAGES, "tests", "benchmarks"}


def test_a_class_from_outside_has_the_same_files_for_every_stage_that_asks(project, monkeypatch):
    folder = project / "study"
    (folder / "plugins").mkdir(parents=True)
    (folder / "plugins" / "own.py").write_text("from plugins import helper\n")
    (folder / "plugins" / "helper.py").write_text("HOT = 1.5\n")
    monkeypatch.chdir(folder)
    fingerprints = Fingerprints(root=project)
    first = fingerprints.of_plugins(["plugins.own.Own"])
    assert len(first) == 2
    assert fingerprints.of_plugins(["plugins.own.Own"]) == first
