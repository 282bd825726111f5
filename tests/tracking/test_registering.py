"""Registered policies, on a real MLflow."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from adapters import moved
from mlflow.artifacts import download_artifacts
from peft import PeftModel
from published import client, run_of
from ruamel.yaml import YAML
from transformers import AutoModelForCausalLM

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json, write_text
from mtpipe.model.policy import Policy
from mtpipe.params import load_params
from mtpipe.tracking.publishing import publish
from mtpipe.tracking.registering import register

pytestmark = pytest.mark.slow


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def trained(project) -> Path:
    """The project with the last policy of token-seed1 and a dvc.lock that describes it; its runs are published."""
    folder = paths.policy("token", 1, 2)
    write_text(folder / "model.safetensors", "weights")
    write_text(folder / "training" / "entropy_bonus.json", "moments")
    return described(folder)


@pytest.fixture
def adapted(project, adapter_folder) -> Policy:
    """The same of an adapter; as it is loaded."""
    policy = moved(adapter_folder, paths.policy("token", 1, 2))
    described(paths.policy("token", 1, 2))
    return policy


def described(folder: Path) -> Path:
    """Writes a dvc.lock with a policy as it lies there, and publishes the runs."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    listed = [{"md5": md5(path.read_bytes()), "relpath": path.relative_to(folder).as_posix()} for path in files]
    whole = md5(json.dumps(listed).encode()) + ".dir"
    before = paths.round_folder("token", 1, 1).as_posix()
    lock = {
        "update@token-1-round1": {
            "deps": [
                {"path": "data/plan/token/round1.json", "md5": "a1"},
                {"path": f"{before}/rollouts.parquet", "md5": "b2"},
                {"path": "mtpipe/model/policy.py", "md5": "c3"},
            ],
            "outs": [{"path": folder.as_posix(), "md5": whole}],
        },
        "rollout@token-1-round1": {
            "deps": [{"path": "data/problems/train.parquet", "md5": "d4"}],
            "outs": [{"path": f"{before}/rollouts.parquet", "md5": "b2"}],
        },
        "prepare": {"outs": [{"path": "data/problems", "md5": "e5.dir"}]},
        "rollout@uniform-1-round1": {"deps": [{"path": "data/other", "md5": "f6"}], "outs": []},
    }
    with open("dvc.lock", "w") as file:
        YAML(typ="safe").dump({"schema": "2.0", "stages": lock}, file)
    publish(load_params())
    return folder


def test_a_registered_policy_says_what_it_came_from_and_has_no_optimizer_state(project, trained):
    done = register(load_params(), "token", 1)
    assert (done.name, done.version, done.is_new) == ("mtpipe-token", "1", True)
    (version,) = client(project).search_model_versions()
    assert version.run_id == run_of(project, "token-seed1").info.run_id
    assert {key: value for key, value in version.tags.items() if key.startswith("dvc.from")} == {
        "dvc.from.plan": "a1",
        "dvc.from.rollouts": "b2",
    }
    assert (version.tags["round"], version.tags["dvc.stage"]) == ("2", "update@token-1-round1")
    assert version.tags["temperature"].startswith("entropy_threshold (low 1.0, high 1.2")
    stored = Path(download_artifacts(version.source))
    assert {path.name for path in stored.iterdir()} == {"model.safetensors", "lineage.json"}
    assert set(json.loads((stored / "lineage.json").read_text()).values()) == {
        "a1",
        "b2",
        "d4",
        version.tags["dvc.policy"],
    }


def test_registering_twice_adds_no_version_and_another_name_does(project, trained):
    register(load_params(), "token", 1)
    assert not register(load_params(), "token", 1).is_new
    assert register(load_params(), "token", 1, name="best").is_new
    assert sorted(version.name for version in client(project).search_model_versions()) == ["best", "mtpipe-token"]


def logprobs(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=torch.arange(2, 12)[None]).logits.log_softmax(-1)


def test_an_adapter_is_registered_as_it_is_and_merged(project, adapted):
    as_it_is, whole = register(load_params(), "token", 1), register(load_params(), "token", 1, merge=True)
    assert (as_it_is.version, whole.version) == ("1", "2")
    assert not register(load_params(), "token", 1).is_new
    assert not register(load_params(), "token", 1, merge=True).is_new
    versions = {str(version.version): version for version in client(project).search_model_versions()}
    assert [versions[number].tags.get("merged") for number in "12"] == [None, "true"]
    assert versions["1"].tags["dvc.policy"] == versions["2"].tags["dvc.policy"]
    adapter, checkpoint = (Path(download_artifacts(versions[number].source)) for number in "12")
    assert read_json(adapter / "base.json")["sha256"] == adapted.adapter.base.sha256
    plain = AutoModelForCausalLM.from_pretrained(adapted.adapter.base.folder, dtype=torch.float32)
    assert torch.equal(logprobs(PeftModel.from_pretrained(plain, adapter)), logprobs(adapted.model))
    found = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    torch.testing.assert_close(logprobs(found), logprobs(adapted.model), atol=1e-5, rtol=0)


def test_a_policy_that_dvc_lock_does_not_describe_is_refused(trained):
    write_text(trained / "model.safetensors", "edited")
    with pytest.raises(MtpipeError, match=r"round2 is not what dvc\.lock says"):
        register(load_params(), "token", 1)


def test_a_policy_of_results_that_were_not_published_is_refused(project, trained):
    client(project).delete_run(run_of(project, "token-seed1").info.run_id)
    with pytest.raises(MtpipeError, match="no run token-seed1 of the results as they are"):
        register(load_params(), "token", 1)


def test_a_policy_that_params_do_not_know_is_refused(trained):
    with pytest.raises(MtpipeError, match="policies of rounds 0 to 2"):
        register(load_params(), "token", 1, round=3)
