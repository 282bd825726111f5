"""The doctor names what stands in the way, and only that."""

import json
import os
from pathlib import Path

import pytest
from builders import write_params

from mtpipe.run.doctor import Finding, diagnose, format_findings


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_params({})
    return tmp_path


def wrong() -> dict[str, Finding]:
    return {finding.about: finding for finding in diagnose(Path("params.yaml")) if finding.remedy}


def test_a_fresh_project_has_nothing_in_its_way(project):
    assert wrong() == {}
    assert format_findings(diagnose(Path("params.yaml"))).endswith("Nothing stands in the way of `dvc repro`.")


def test_an_adapter_that_the_model_has_no_layers_for_is_a_fault_of_params_yaml(project):
    write_params({"model.lora": {"rank": 4, "targets": ["query"]}})
    assert "model.lora.targets has 'query'" in wrong()["params.yaml"].remedy


def test_faults_are_named_with_what_to_do(project):
    write_params({"model.checkpoint": "models/absent"})
    Path("dvc.lock").write_text("stages:\n  one: {outs: [")
    Path("data/resume/update-token-seed1-round0").mkdir(parents=True)
    Path("data/.policy.partial").mkdir()
    running = {
        "write": {"a": {"pid": os.getpid(), "cmd": "dvc repro"}},
        "read": {"b": [{"pid": 999999999, "cmd": "dvc"}]},
    }
    Path(".dvc/tmp").mkdir(parents=True)
    Path(".dvc/tmp/rwlock").write_text(json.dumps(running))
    found = wrong()
    assert set(found) == {"params.yaml", "dvc.lock", "half-written", "DVC at work"}
    assert "its id on the hub" in found["params.yaml"].remedy
    assert "git checkout dvc.lock" in found["dvc.lock"].remedy
    lines = [finding.found for finding in diagnose(Path("params.yaml")) if finding.about == "DVC at work"]
    assert lines == [f"process {os.getpid()}: dvc repro", "process 999999999: dvc (gone)"]


def test_a_study_that_does_not_fit_is_told_what_to_lower(project):
    write_params({"sampling.batch_size": 10**9, "sampling.prompts": 10**8, "update.tokens_per_micro_batch": 10**9})
    assert "sampling.batch_size" in wrong()["memory"].remedy
    assert "storage.keep" in wrong()["disk"].remedy


def test_the_logs_are_named(project):
    for log in ("data/run.log", "data/engines/one.log"):
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        Path(log).touch()
    found = {finding.about: finding.found for finding in diagnose(Path("params.yaml"))}
    assert found["log"].startswith("data/run.log")
    assert found["logs of vLLM"] == "data/engines/one.log"


def test_missing_outputs_are_counted(project):
    Path("dvc.lock").write_text("stages:\n  one: {outs: [{path: one.txt, md5: abc}]}\n")
    assert wrong()["dvc.lock"].found == "1 of 1 outputs are missing"
