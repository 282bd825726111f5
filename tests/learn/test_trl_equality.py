"""Our losses and gradients against TRL's own, on the same model, batch and advantages."""

import copy
import random
from dataclasses import replace

import pytest
import torch
from builders import rollout

from mtpipe.learn.batching.groups import RolloutGroup
from mtpipe.learn.batching.steps import optimizer_steps
from mtpipe.learn.scoring.scorer import Scorer
from mtpipe.learn.scoring.shared_prompts import lay_out
from mtpipe.learn.update import micro_batch_loss
from mtpipe.settings.mismatch import SequenceMask, SequenceTruncate, TokenMask, TokenTruncate

pytestmark = pytest.mark.slow  # to import TRL takes seconds

TEMPERATURE = 1.3
MAX_RESPONSE = 12
GROUP_SIZE = 4


@pytest.fixture(scope="module")
def trl_peer():
    """TRL takes seconds to import, so only these tests do it."""
    from benchmarks import trl_peer

    return trl_peer


@pytest.fixture
def groups(policy) -> list[RolloutGroup]:
    """Two problems with random responses; their log-probs are set by `perturbed`."""
    generator = random.Random(0)
    groups = []
    for prompt, rewards in (("2+9*3-4>", [1.0, 0.0, 0.0, 1.0]), ("8-1>", [0.0, 0.0, 0.5, 1.0])):
        rows = []
        for sample in range(GROUP_SIZE):
            ids = [generator.randrange(2, 16) for _ in range(generator.randrange(2, MAX_RESPONSE + 1))]
            rows.append(rollout(ids, policy.encode(prompt), TEMPERATURE, problem_id=prompt, sample=sample))
        groups.append(RolloutGroup(prompt, rows, rewards))
    return groups


def perturbed(policy, responses, spread: float):
    """The responses with old log-probs around those of the policy, so that ratios lie around 1, and references too."""
    from mtpipe.learn.scoring.sequences import pad

    generator = torch.Generator().manual_seed(1)
    changed = []
    for one in responses:
        rollout = one.rollout
        sequences = pad([rollout.prompt_ids], [rollout.response_ids])
        with torch.no_grad():
            scores = Scorer(policy.model)(sequences, torch.tensor(rollout.temperatures), torch.float32)
        noise, other = spread * torch.randn(2, len(rollout.response_ids), generator=generator)
        changed.append(
            replace(
                one,
                rollout=replace(rollout, behaviour_logprobs=(scores.tempered + noise).tolist()),
                reference_logprobs=(scores.tempered + other).tolist(),
            )
        )
    return changed


def off_by(responses, spread: float):
    """The responses as an engine records them whose log-probs are off by so much, from round-start ones as they are."""
    generator = torch.Generator().manual_seed(2)
    changed = []
    for one in responses:
        start, noise = (
            one.rollout.behaviour_logprobs,
            spread * torch.randn(len(one.rollout.response_ids), generator=generator),
        )
        recorded = replace(one.rollout, behaviour_logprobs=(torch.tensor(start) - noise).tolist())
        changed.append(replace(one, rollout=recorded, round_start_logprobs=start, log_mismatch=noise.tolist()))
    return changed


def gradients(model) -> torch.Tensor:
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


@pytest.mark.parametrize(
    ("settings", "trl"),
    [
        ({"loss": "grpo", "clip_high": 0.2}, {"loss_type": "grpo", "epsilon_high": 0.2}),
        ({"loss": "dapo"}, {"loss_type": "dapo"}),
        ({"loss": "bnpo"}, {"loss_type": "bnpo"}),
        ({"loss": "dr_grpo", "advantage": "mean"}, {"loss_type": "dr_grpo", "scale_rewards": "none"}),
        (
            {"loss": "gspo", "clip_low": 0.05, "clip_high": 0.05},
            {"loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon": 0.05, "epsilon_high": 0.05},
        ),
        ({"loss": "cispo", "clip_high": 0.5}, {"loss_type": "cispo", "epsilon_high": 1.5}),
        ({"loss": "dapo", "dual_clip": 1.5}, {"loss_type": "dapo", "delta": 1.5}),
        ({"loss": "grpo", "kl_coefficient": 0.1}, {"loss_type": "grpo", "beta": 0.1, "use_bias_correction_kl": False}),
    ],
    ids=lambda value: "-".join(f"{key}={part}" for key, part in value.items()),
)
def test_losses_and_gradients_are_those_of_trl(trl_peer, policy, params, groups, tmp_path, settings, trl):
    settings = params.update.model_copy(update={"dual_clip": None, "logprob_tolerance": 1e9, **settings})
    [step] = optimizer_steps(groups, settings, MAX_RESPONSE)
    trl = {"epsilon": 0.2, "epsilon_high": 0.28, "beta": 0.0, **trl}
    peer = trl_peer.trainer(
        copy.deepcopy(policy),
        str(tmp_path),
        temperature=TEMPERATURE,
        max_completion_length=MAX_RESPONSE,
        gradient_accumulation_steps=2,
        **trl,
    )
    peer.current_gradient_accumulation_steps = 2
    peer.model.train()
    for spread in (0.0, 0.5):
        responses = perturbed(policy, step.responses, spread)
        policy.model.zero_grad()
        ours = 0.0
        for half in (responses[::2], responses[1::2]):
            loss, _ = micro_batch_loss(Scorer(policy.model), half, lay_out(half, None, "cpu"), settings)
            loss.backward()
            ours += loss.item()

        peer.model.zero_grad()
        tokens = sum(len(one.rollout.response_ids) for one in responses)
        total = 0.0
        for start in (0, GROUP_SIZE):
            batch = trl_peer.local_batch(responses[start : start + GROUP_SIZE], tokens)
            loss = peer.compute_loss(peer.model, batch)
            loss.backward()
            total += loss.item()

        found, expected = gradients(policy.model), gradients(peer.model)
        scale = sum(abs(one.advantage) * one.weight * len(one.rollout.response_ids) for one in responses)
        assert abs(ours - total) <= 1e-5 * max(abs(total), scale), f"spread {spread}"
        assert (found - expected).norm() <= 1e-5 * expected.norm(), f"spread {spread}"
        assert expected.norm() > 0


@pytest.mark.parametrize(
    ("mismatch", "bounds"),
    [
        (SequenceMask(kind="sequence_mask", cap=1.1), {"clip_max": 1.1}),
        (TokenTruncate(kind="token_truncate", cap=1.1), {"clip_max": 1.1}),
        (SequenceTruncate(kind="sequence_truncate", cap=1.1), {"clip_max": 1.1}),
        (TokenMask(kind="token_mask", low=0.8, high=1.2), {"clip_min": 0.8, "clip_max": 1.2}),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_corrections_of_the_mismatch_are_those_of_trl(trl_peer, policy, params, groups, tmp_path, mismatch, bounds):
    settings = params.update.model_copy(
        update={"loss": "grpo", "clip_high": 0.2, "dual_clip": None, "kl_coefficient": 0.1, "mismatch": mismatch}
    )
    [step] = optimizer_steps(groups, settings, MAX_RESPONSE)
    responses = off_by(perturbed(policy, step.responses, 0.3), 0.2)
    theirs = copy.deepcopy(policy)
    ours, _ = micro_batch_loss(Scorer(policy.model), responses, lay_out(responses, None, "cpu"), settings)
    ours.backward()

    options = {"loss_type": "grpo", "epsilon": 0.2, "epsilon_high": 0.2, "beta": 0.1, "use_bias_correction_kl": False}
    modes = {f"vllm_importance_sampling_{name}": value for name, value in {"mode": mismatch.kind, **bounds}.items()}
    peer = trl_peer.trainer(
        theirs, str(tmp_path), temperature=TEMPERATURE, max_completion_length=MAX_RESPONSE, **options, **modes
    )
    peer.use_vllm = True
    peer.current_gradient_accumulation_steps = 1
    peer.model.train()
    batch = trl_peer.local_batch(responses, sum(len(one.rollout.response_ids) for one in responses))
    batch["importance_sampling_ratio"] = trl_peer.importance_ratio(peer, batch)
    assert len(batch["importance_sampling_ratio"].unique()) > 2, "some are cut and some are not"
    loss = peer.compute_loss(peer.model, batch)
    loss.backward()

    found, expected = gradients(policy.model), gradients(peer.model)
    assert ours.item() == pytest.approx(loss.item(), abs=1e-5)
    assert (found - expected).norm() <= 1e-5 * expected.norm()
    assert expected.norm() > 0
