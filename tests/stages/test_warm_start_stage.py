"""The stage warm_start against the same training and calibration by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch
from builders import run_stage, write_params
from tqdm import tqdm

from mtpipe import paths
from mtpipe.files import read_json
from mtpipe.learn.warm_start import place_checkpoint
from mtpipe.learn.warm_start import warm_start as train_on_answers
from mtpipe.model.policy import load_policy
from mtpipe.params import load_params
from mtpipe.records import EXAMPLES, PROBLEMS, read_rows
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.torch_engine import sample
from mtpipe.temperature.entropy_table import FILE_NAME
from mtpipe.temperature.rules.uniform import ResolvedUniform
from stages import prepare, warm_start

pytestmark = pytest.mark.slow


@pytest.fixture
def warmed(tmp_path, monkeypatch) -> Path:
    """The warm start of a small model after 30 steps."""
    monkeypatch.chdir(tmp_path)
    write_params(
        {
            "task": {"warm_start_problems": 60, "train_problems": 40, "benchmark_problems": 4},
            "model": {"hidden_size": 16, "layers": 1, "seed": 5},
            "warm_start": {"steps": 30, "batch_size": 8, "warmup_steps": 2, "calibration_responses": 7},
            "sampling": {"prompts": 8, "max_new_tokens": 9},
            "update.prompts_per_step": 8,
        }
    )
    Path("inputs").mkdir()
    run_stage(prepare)
    run_stage(warm_start)
    return paths.WARM_START / "policy"


def test_it_trains_on_the_worked_answers_and_calibrates_on_the_first_problems(warmed):
    params = load_params()
    folder = Path("by_hand")
    place_checkpoint(folder, params.model, **vars(params.task.vocabulary))
    by_hand = load_policy(folder)
    untrained = by_hand.model.state_dict()["model.norm.weight"].clone()
    rows = read_rows(paths.WARM_START_EXAMPLES, EXAMPLES)
    curve = train_on_answers(by_hand, rows, params.warm_start, 5, tqdm(disable=True))
    policy = load_policy(warmed)
    weights = by_hand.model.state_dict()
    for name, tensor in policy.model.state_dict().items():
        torch.testing.assert_close(tensor, weights[name])
    assert not torch.equal(untrained, weights["model.norm.weight"])
    assert [entry["step"] for entry in curve] == [20, 30]
    assert read_json(paths.WARM_START / "curve.json") == curve
    assert curve[-1]["loss"] < curve[0]["loss"]

    rule = ResolvedUniform(temperature=1.0)
    problems = read_rows(paths.TRAIN, PROBLEMS)[:7]
    requests = [Request(one["problem_id"], 0, policy.encode(one["prompt"]), 1.0, rule) for one in problems]
    drawn = sample(policy, requests, SamplingPlan(0, "calibration", 9, 100))
    entropies = [value for one in drawn for value in one.entropies]
    quantiles = read_json(warmed / FILE_NAME)["quantiles"]
    assert quantiles == pytest.approx(np.quantile(entropies, np.linspace(0, 1, 1001)), abs=1e-5)
