"""The link that `make ui` prints."""

import shutil

from mlflow import MlflowClient

from mtpipe import paths
from mtpipe.tracking.charts import charts_link


def test_it_leads_to_the_experiments_charts_once_there_is_one(tmp_path, monkeypatch, empty_database):
    monkeypatch.chdir(tmp_path)
    assert charts_link(None, "mine") is None
    paths.MLFLOW.mkdir()
    shutil.copy(empty_database, paths.MLFLOW / "mlflow.db")
    assert charts_link(None, "mine") is None
    number = MlflowClient(f"sqlite:///{tmp_path}/mlflow/mlflow.db").create_experiment("mine")
    assert charts_link(None, "mine") == f"http://127.0.0.1:5000/#/experiments/{number}/runs?compareRunsMode=CHART"
    assert charts_link("http://host:1", "mine") == "http://host:1"
