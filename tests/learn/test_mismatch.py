"""The weights that correct for an engine whose log-probs are not the update's own."""

import copy

import pytest
import torch
from builders import rollout
from updating import sampled_groups, update, weights, with_rollouts

from mtpipe.learn.batching.steps import TrainingSample
from mtpipe.learn.losses.mismatch import mismatch_weights
from mtpipe.learn.objective import flatten, policy_loss
from mtpipe.learn.scoring.chunked_head import TokenScores
from mtpipe.learn.scoring.scorer import Scorer
from mtpipe.learn.scoring.sequences import pad
from mtpipe.settings.mismatch import (
    GeometricMask,
    SequenceMask,
    SequenceTruncate,
    TokenMask,
    TokenTruncate,
    Uncorrected,
)

pytestmark = pytest.mark.slow

CORRECTIONS = {
    "token_truncate": TokenTruncate(kind="token_truncate", cap=1.1),
    "token_mask": TokenMask(kind="token_mask", low=0.85, high=1.2),
    "sequence_truncate": SequenceTruncate(kind="sequence_truncate", cap=1.05),
    "sequence_mask": SequenceMask(kind="sequence_mask", cap=1.05),
    "geometric_mask": GeometricMask(kind="geometric_mask", low=0.97, high=1.03),
    "veto": Uncorrected(veto=0.8, ratio_to="round_start"),
}
LOSSES = ["grpo", "dapo", "gspo", "cispo"]
LENGTHS = [3, 5, 2, 4]
VOCABULARY = 7


def written(kind: str, log_weight: list[float]) -> list[float]:
    """A response's weights, as docs/mismatch.md has them, token by token."""
    w = torch.tensor(log_weight, dtype=torch.float64).exp()
    product, mean = w.prod().item(), w.prod().item() ** (1 / len(w))
    match kind:
        case "token_truncate":
            return [min(value, 1.1) for value in w.tolist()]
        case "token_mask":
            return [value if 0.85 <= value <= 1.2 else 0.0 for value in w.tolist()]
        case "sequence_truncate":
            return [min(product, 1.05)] * len(w)
        case "sequence_mask":
            return [product if product <= 1.05 else 0.0] * len(w)
        case "geometric_mask":
            return [1.0 if 0.97 <= mean <= 1.03 else 0.0] * len(w)
        case _:
            return [0.0 if min(w) < 0.8 else 1.0] * len(w)


def drawn(generator: torch.Generator, *sizes: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(*sizes, generator=generator, dtype=torch.float64)


@pytest.fixture
def numbers() -> dict[str, torch.Tensor]:
    """Logits of a present and of a first policy, a temperature a token, and an engine that is off by some percent."""
    generator, tokens = torch.Generator().manual_seed(4), sum(LENGTHS)
    return {
        "logits": drawn(generator, tokens, VOCABULARY),
        "moved": drawn(generator, tokens, VOCABULARY, scale=0.3),
        "noise": drawn(generator, tokens, scale=0.1),
        "temperatures": 0.7 + 0.6 * torch.rand(tokens, generator=generator, dtype=torch.float64),
        "targets": torch.randint(VOCABULARY, (tokens,), generator=generator),
    }


def logprobs(logits: torch.Tensor, temperatures: torch.Tensor | float, targets: torch.Tensor) -> torch.Tensor:
    return (logits / torch.as_tensor(temperatures).reshape(-1, 1)).log_softmax(-1).gather(1, targets[:, None])[:, 0]


def test_the_examples_cut_some_tokens_and_not_all(numbers):
    for kind in CORRECTIONS:
        parts = numbers["noise"].split(LENGTHS)
        cut = [value == 0 for part in parts for value in written(kind, part.tolist())]
        assert any(cut) != kind.endswith("truncate")
        assert not all(cut)


@pytest.mark.parametrize("kind", CORRECTIONS)
def test_weights_are_those_of_the_formula(numbers, kind):
    index = torch.arange(len(LENGTHS)).repeat_interleave(torch.tensor(LENGTHS))
    found = mismatch_weights(numbers["noise"], index, CORRECTIONS[kind])
    expected = [value for part in numbers["noise"].split(LENGTHS) for value in written(kind, part.tolist())]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    assert not found.requires_grad


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("kind", "target"),
    [(kind, "tempered") for kind in CORRECTIONS]
    + [(kind, "untempered") for kind in CORRECTIONS if not kind.endswith("truncate")],
)
def test_loss_and_gradient_are_those_of_the_written_formula(params, numbers, kind, loss, target):
    """Sum of weight · w · surrogate, by autograd from the logits; untempered: its own weight, and only the cut of w."""
    settings = params.update.model_copy(
        update={"loss": loss, "target": target, "mismatch": CORRECTIONS[kind], "dual_clip": None}
    )
    logits, temperatures, targets = numbers["logits"], numbers["temperatures"], numbers["targets"]
    at = temperatures if target == "tempered" else 1.0
    start_tempered = logprobs(logits, temperatures, targets)
    start, behaviour = logprobs(logits, at, targets), start_tempered - numbers["noise"]
    advantages, per_token = [1.0, -0.5, 0.7, -1.2], [0.1, 0.2, 0.3, 0.15]
    index = torch.arange(len(LENGTHS)).repeat_interleave(torch.tensor(LENGTHS))

    present = (logits + numbers["moved"]).requires_grad_()
    log_ratio = logprobs(present, at, targets) - start
    total = torch.zeros((), dtype=torch.float64)
    place = 0
    for number, length in enumerate(LENGTHS):
        tokens = range(place, place + length)
        place += length
        w = written(kind, [numbers["noise"][t].item() for t in tokens])
        for t, weight in zip(tokens, w, strict=True):
            ratio = (log_ratio[index == number].mean() if loss == "gspo" else log_ratio[t]).exp()
            A, low, high = advantages[number], 1 - settings.clip_low, 1 + settings.clip_high
            if loss == "cispo":
                term = -ratio.detach().clamp(max=high) * A * logprobs(present, at, targets)[t]
            else:
                term = -torch.minimum(ratio * A, ratio.clamp(low, high) * A)
            if target == "untempered":
                weight = float(weight != 0) * (start[t] - behaviour[t]).exp().clamp(max=2.0)
            total = total + per_token[number] * weight * term
    total.backward()

    samples = []
    for number, part in enumerate(torch.arange(sum(LENGTHS)).split(LENGTHS)):
        row = rollout(targets[part].tolist(), temperature=1.0, behaviour_logprobs=behaviour[part].tolist())
        row.temperatures = temperatures[part].tolist()
        ours = {"round_start_logprobs": start[part].tolist(), "log_mismatch": numbers["noise"][part].tolist()}
        samples.append(TrainingSample(row, advantages[number], per_token[number], **ours))
    own = present.detach().clone().requires_grad_()
    untempered = logprobs(own, 1.0, targets).float()
    tempered = logprobs(own, temperatures, targets).float()
    scores = TokenScores(tempered, untempered, torch.zeros(len(index)), torch.zeros(len(index)))
    found, logged = policy_loss(scores, flatten(samples, index), settings)
    found.backward()
    assert found.item() == pytest.approx(total.item(), abs=1e-6)
    torch.testing.assert_close(own.grad, present.grad, atol=1e-6, rtol=1e-4)
    assert logged["mismatch_cut"].sum() == sum(
        value == 0 for part in numbers["noise"].split(LENGTHS) for value in written(kind, part.tolist())
    )


def rescored(policy, groups, change=lambda logprob: logprob):
    """The groups as an engine would have recorded them that computes as the update does, but for `change`."""

    def own(row):
        sequences = pad([row.prompt_ids], [row.response_ids])
        with torch.no_grad():
            scores = Scorer(policy.model)(sequences, torch.tensor(row.temperatures), torch.float32)
        row.behaviour_logprobs = change(scores.tempered).tolist()

    return with_rollouts(groups, own)


@pytest.mark.parametrize("loss", ["dapo", "gspo", "cispo"])
def test_where_every_weight_is_one_the_update_is_bit_for_bit_the_uncorrected_one(policy, groups, settings, loss):
    """One response a micro-batch, so that its log-probs are the same to the last bit whoever computes them."""
    alone = {"loss": loss, "tokens_per_micro_batch": 1}
    groups = rescored(policy, groups)
    plain_policy = copy.deepcopy(policy)
    plain = update(plain_policy, groups, settings.model_copy(update=alone))
    for kind in ("token_truncate", "token_mask", "sequence_mask", "sequence_truncate", "veto"):
        twin = copy.deepcopy(policy)
        corrected = update(twin, groups, settings.model_copy(update={**alone, "mismatch": CORRECTIONS[kind]}))
        assert torch.equal(weights(plain_policy), weights(twin)), kind
        assert [step["loss"] for step in plain] == [step["loss"] for step in corrected], kind
        assert all(step["mismatch_weight"] == 1 and step["mismatch_cut"] == 0 for step in corrected), kind


def test_the_ratio_starts_at_one_whatever_the_engine_recorded(policy, groups, settings):
    def off(logprobs):
        return logprobs + torch.linspace(-0.3, 0.3, len(logprobs))

    loose = {"logprob_tolerance": 1.0}
    groups = rescored(policy, groups, off)
    straight = update(copy.deepcopy(policy), groups, settings.model_copy(update=loose))
    corrected = update(policy, groups, settings.model_copy(update={**loose, "mismatch": CORRECTIONS["token_truncate"]}))
    assert straight[0]["ratio_max"] > 1.3
    assert corrected[0]["ratio_max"] == pytest.approx(1.0, abs=1e-5)
    assert corrected[0]["mismatch_weight"] < 1
    assert corrected[1]["ratio_max"] > 1.001, "by the second step the policy has moved"


def test_the_forward_pass_beforehand_is_made_only_where_a_setting_needs_it(policy, settings, monkeypatch):
    groups, passes = sampled_groups(policy), []
    forward = Scorer.forward
    monkeypatch.setattr(Scorer, "forward", lambda *given, **named: passes.append(1) or forward(*given, **named))
    wide = settings.model_copy(update={"prompts_per_step": 6, "tokens_per_micro_batch": 10**6, "learning_rate": 1e-9})
    counts = {}
    for name, mismatch in {"none": Uncorrected(), **CORRECTIONS}.items():
        passes.clear()
        update(copy.deepcopy(policy), groups, wide.model_copy(update={"mismatch": mismatch}))
        counts[name] = len(passes)
    assert {name: count / counts["none"] for name, count in counts.items()} == {
        "none": 1,
        **dict.fromkeys(CORRECTIONS, 2),
    }


def test_a_veto_takes_the_whole_response_and_no_other(policy, settings):
    log_weight = torch.tensor([0.0, -10.0, 0.0, 0.0])
    index = torch.tensor([0, 0, 1, 1])
    for kind, correction in CORRECTIONS.items():
        vetoing = correction.model_copy(update={"veto": 1e-4})
        found = mismatch_weights(log_weight, index, vetoing)
        assert found[:2].tolist() == [0, 0], kind
        assert found[2:].tolist() == [1, 1], kind
