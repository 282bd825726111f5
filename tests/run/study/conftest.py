"""Studies whose stages do next to nothing, made by `dvc repro` and by `python -m mtpipe run`."""

import pytest
from study_projects import ARMS, CLOSING, SHARED, Project, chain

from benchmarks.trivial_study import make_study


@pytest.fixture(scope="session")
def untouched(tmp_path_factory) -> Project:
    """Two arms, one seed, one round; nothing has run."""
    folder = tmp_path_factory.mktemp("study") / "project"
    make_study(folder, arms=len(ARMS), seeds=1, rounds=1)
    return Project(folder)


@pytest.fixture(scope="session")
def by_dvc(untouched, tmp_path_factory) -> Project:
    """The same, made by `dvc repro`."""
    project = untouched.copy(tmp_path_factory.mktemp("study") / "project")
    assert project.repro() == SHARED | chain("arm0") | chain("arm1") | CLOSING
    return project


@pytest.fixture(scope="session")
def by_run(untouched, tmp_path_factory) -> Project:
    """The same, made by `python -m mtpipe run`."""
    project = untouched.copy(tmp_path_factory.mktemp("study") / "project")
    assert project.run() == SHARED | chain("arm0") | chain("arm1") | CLOSING
    return project


@pytest.fixture
def new(untouched, tmp_path) -> Project:
    return untouched.copy(tmp_path / "project")


@pytest.fixture
def finished(by_run, tmp_path) -> Project:
    return by_run.copy(tmp_path / "project")
