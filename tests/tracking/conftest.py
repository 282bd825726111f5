"""A small project written with the stages' own writers, with a database of MLflow's that holds no runs yet."""

import shutil
from pathlib import Path

import pytest
from builders import write_params
from published import write_data

from mtpipe import paths
from mtpipe.params import load_params


@pytest.fixture
def project(tmp_path, monkeypatch, empty_database) -> Path:
    """A project with two arms, two seeds and two rounds, in a folder whose name has a space."""
    folder = tmp_path / "my project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    write_params({"arms": ["uniform", "token"], "seeds": [1, 2], "rounds": 2})
    write_data(load_params())
    paths.MLFLOW.mkdir()
    shutil.copy(empty_database, paths.MLFLOW / "mlflow.db")
    return folder
