"""The table that a person with a GPU prints once (`benchmarks.gpu`), here on the CPU with a tiny model."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from builders import ROOT
from safetensors.torch import load_file
from vllm_process import needs_vllm

from benchmarks.gpu import round_rows
from benchmarks.random_policy import random_policy
from mtpipe.model.policy import load_policy
from mtpipe.params import load_params
from mtpipe.sampling.torch_engine import TorchEngine

TINY = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 300,
}


class Sleeping(TorchEngine):
    """It loses its weights between stages, as on a GPU, and nothing stops a response."""

    def __init__(self, policy):
        super().__init__(policy)
        self._policy = self.vocabulary = replace(policy, stop_ids=())
        self.loaded = ""

    def rest(self) -> bool:
        return False

    def load(self, folder):
        self.loaded = folder.name
        super().load(folder)


@pytest.mark.slow
def test_a_round_of_the_profile_cut_short_has_a_row_for_each_of_its_parts(tmp_path):
    params = load_params(ROOT / "profiles" / "qwen2.5-math-1.5b.yaml")
    compute = params.compute.model_copy(update={"device": "cpu", "threads": 1})
    params = params.model_copy(update={"compute": compute})
    folder = random_policy(tmp_path, TINY, deviation=2.0)
    engine = Sleeping.open(folder, torch.device("cpu"))
    rows = dict(round_rows(folder, tmp_path, params, prompts=3, tokens=6, steps=2, open_engine=lambda *_: engine))
    assert list(rows) == [
        "round: rollout, 3 prompts x 8 of 6 tokens",
        "round: sleep",
        "round: load the policy to train",
        "round: update, 2 steps in bfloat16",
        "round: write the policy with its optimizer",
        "round: wake, with the load of the new policy",
        "round: in all, without judging and DVC",
    ]
    assert engine.loaded == "next"
    assert load_file(tmp_path / "optimizer.safetensors")["step"] == 2, "the row with the optimizer writes it"
    seconds = [float(found.split()[0]) for found in rows.values()]
    assert seconds[-1] >= sum(seconds[:-1]) - 0.05
    before, after = (load_policy(each).model.state_dict() for each in (folder, tmp_path / "next"))
    assert any(not torch.equal(before[name], after[name]) for name in before), "the update changed the weights"


@needs_vllm
@pytest.mark.slow
@pytest.mark.exhaustive
def test_the_whole_table_with_vllm(tmp_path):
    folder = random_policy(tmp_path, TINY, deviation=2.0)
    (tmp_path / "params.yaml").write_text("sampling: {engine: vllm, vllm: {kv_cache_gib: 0.05}}\n")
    command = [sys.executable, "-m", "benchmarks.gpu", str(folder), "--params", str(tmp_path / "params.yaml")]
    command += ["--device", "cpu", "--sequences", "2", "--tokens", "4", "--prompts", "2", "--steps", "1"]
    environment = os.environ | {"TORCHDYNAMO_DISABLE": "1"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    rows = [line.split("|")[1].strip() for line in ended.stdout.splitlines() if line.startswith("| ")]
    for part in ("start", "load while awake", "sleep", "round: sleep", "round: in all, without judging and DVC"):
        assert part in rows
    assert "| sleep | not on this platform |" in ended.stdout
