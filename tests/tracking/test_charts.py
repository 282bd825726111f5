"""The links that `make ui` prints."""

import json
import shutil

import pytest
from mlflow import MlflowClient

from mtpipe import paths
from mtpipe.tracking.charts import links
from mtpipe.tracking.table_view import TAG, VIEW, table_view

pytestmark = pytest.mark.slow


def test_they_lead_to_the_experiments_pages_once_there_is_one(tmp_path, monkeypatch, empty_database):
    monkeypatch.chdir(tmp_path)
    assert links(None, "mine") == {}
    paths.MLFLOW.mkdir()
    shutil.copy(empty_database, paths.MLFLOW / "mlflow.db")
    assert links(None, "mine") == {}
    number = MlflowClient(f"sqlite:///{tmp_path}/mlflow/mlflow.db").create_experiment("mine")
    page = f"http://127.0.0.1:5000/#/experiments/{number}/runs"
    assert list(links(None, "mine").values()) == [f"{page}?compareRunsMode=CHART", f"{page}?viewStateShareKey={VIEW}"]
    assert list(links("http://host:1", "mine").values()) == ["http://host:1"]


def test_the_tables_view_has_temperature_and_scores_as_columns():
    assert f"mlflow.sharedViewState.{VIEW}" == TAG
    view = json.loads(table_view(["round/reward", "eval/same", "eval/longer"]))
    assert view["selectedColumns"] == ["params.`temperature`", "metrics.`eval/same`", "metrics.`eval/longer`"]
