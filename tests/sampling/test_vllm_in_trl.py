"""The plugin inside TRL: GRPOTrainer samples with it, and its default correction is our untempered target."""

import shutil
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context

import pytest
import torch
from builders import rollout
from conformance import token_logits
from tqdm import tqdm
from trl_training import train
from vllm_process import needs_vllm, uneven_policy

from mtpipe.learn.batching.groups import RolloutGroup
from mtpipe.learn.batching.steps import optimizer_steps
from mtpipe.learn.losses.importance import importance_weights
from mtpipe.learn.scoring.sequences import pad, tempered_logprobs
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.update import update_policy
from mtpipe.model.policy import load_policy

pytestmark = [needs_vllm, pytest.mark.slow, pytest.mark.skipif(not find_spec("trl"), reason="TRL is missing")]

GROUP_SIZE = 4
LENGTH = 12
CAP = 3.0
"""TRL's default: responses whose ratio is above are left out (`vllm_importance_sampling_mode: sequence_mask`)."""
RULE = {"kind": "entropy_threshold", "low": 0.8, "high": 1.6, "threshold": 2.0}


@pytest.fixture(scope="module")
def trained(params, tmp_path_factory):
    """Two steps in TRL: its batches and log, and the folder that each step's policy lies in."""
    folder = tmp_path_factory.mktemp("trl")
    policy = uneven_policy(folder, params, seed=0)
    options = {
        "num_generations": GROUP_SIZE,
        "per_device_train_batch_size": 2 * GROUP_SIZE,
        "max_completion_length": LENGTH,
        "learning_rate": 1e-3,
        "temperature": 1.0,
        "epsilon_high": 0.28,
        "generation_kwargs": {"extra_args": {"token_temperature": RULE}},
    }
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        prompts = ["2+9*3-4>", "1+2>", "3*3*3>", "8-1>"]
        found = process.submit(train, str(policy), str(folder / "out"), prompts, **options).result(timeout=300)
    for step in range(2):
        shutil.copy(policy / "tokenizer.json", folder / "out" / str(step))
    return found, folder / "out"


def responses(batch, policy):
    """TRL's completions as rollouts of ours, at the temperatures that the rule gives a forward pass of our own."""
    found = []
    rows = zip(
        batch["prompt_ids"], batch["prompt_mask"], batch["completion_ids"], batch["completion_mask"], strict=True
    )
    for index, (prompt, prompt_mask, completion, mask) in enumerate(rows):
        prompt, ids = prompt[-sum(prompt_mask) :], completion[: sum(mask)]
        logits = untempered(policy, prompt, ids)
        entropies = torch.special.entr(logits.softmax(-1)).sum(-1)
        hot = entropies >= RULE["threshold"]
        one = rollout(
            ids,
            prompt,
            problem_id=str(index // GROUP_SIZE),
            sample=index % GROUP_SIZE,
            behaviour_logprobs=batch["sampling_per_token_logps"][index][: len(ids)],
            temperatures=torch.where(hot, RULE["high"], RULE["low"]).tolist(),
            entropies=entropies.tolist(),
        )
        found.append(one)
    return found


def untempered(policy, prompt, ids):
    with torch.no_grad():
        return token_logits(policy.model, pad([prompt], [ids]))


@pytest.mark.parametrize("step", [0, 1])
def test_trl_has_the_logprobs_at_each_tokens_own_temperature(trained, step):
    found, folder = trained
    policy = load_policy(folder / str(step))
    sampled = responses(found["batches"][step], policy)
    assert len({value for one in sampled for value in one.temperatures}) == 2
    for one in sampled:
        logits = untempered(policy, one.prompt_ids, one.response_ids)
        expected, _ = tempered_logprobs(logits, torch.tensor(one.response_ids), torch.tensor(one.temperatures))
        torch.testing.assert_close(torch.tensor(one.behaviour_logprobs), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("step", [0, 1])
def test_the_ratio_loss_and_gradient_of_trl_are_those_of_our_update(trained, params, step):
    found, folder = trained
    batch, policy = found["batches"][step], load_policy(folder / str(step))
    sampled = responses(batch, policy)
    ratios = []
    for one in sampled:
        logits = untempered(policy, one.prompt_ids, one.response_ids)
        start, _ = tempered_logprobs(logits, torch.tensor(one.response_ids), torch.ones(len(one.response_ids)))
        log_weight = start - torch.tensor(one.behaviour_logprobs)
        row = torch.zeros(len(log_weight), dtype=torch.long)
        ratios.append(importance_weights(log_weight, row, "sequence_mask", CAP)[0].item())
    theirs = torch.tensor(batch["importance_sampling_ratio"]).flatten()
    torch.testing.assert_close(torch.tensor(ratios), theirs, atol=1e-4, rtol=1e-4)
    assert len(theirs.unique()) > 2

    groups = [
        RolloutGroup(str(number), rows, [float(len(one.response_ids) % 2 == 0) for one in rows])
        for number, rows in enumerate([sampled[:GROUP_SIZE], sampled[GROUP_SIZE:]])
    ]
    settings = {"loss": "dapo", "target": "untempered", "importance": "sequence_mask", "importance_cap": CAP}
    settings |= {"keep_zero_advantage_groups": True, "dual_clip": None, "prompts_per_step": 2, "warmup_steps": 0}
    update = params.update.model_copy(update=settings)
    [taken] = update_policy(Learner.of(policy, update), optimizer_steps(groups, update, LENGTH), tqdm(disable=True))
    logged = found["log"][step]
    assert taken["loss"] == pytest.approx(logged["loss"], abs=1e-5)
    assert taken["grad_norm"] == pytest.approx(logged["grad_norm"], rel=1e-4)
    assert taken["grad_norm"] > 0.01
