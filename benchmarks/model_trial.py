"""One small model through a round: loaded, sampled, held against a plain forward pass, updated, saved, loaded again."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.small_models import small_model
from mtpipe.errors import MtpipeError
from mtpipe.learn.batching.groups import join_groups
from mtpipe.learn.batching.steps import optimizer_steps
from mtpipe.learn.scoring.scorer import Scorer
from mtpipe.learn.scoring.sequences import pad, tempered_logprobs
from mtpipe.learn.scoring.shared_prompts import can_share
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.update import update_policy
from mtpipe.model.policy import Policy, load_policy, new_checkpoint, save_policy
from mtpipe.records import Rollout
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.torch_engine import sample
from mtpipe.settings.model import Model
from mtpipe.settings.update import Update
from mtpipe.tasks.synthetic.arithmetic import VOCABULARY
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold

PROMPTS = ["1+2>", "2+9*3-4>", "7-5+1>", "3*3*3*3*3>"]
GROUP_SIZE, NEW_TOKENS = 4, 12
NATS = 1e-4
RULE = ResolvedEntropyThreshold(low=0.8, high=1.4, threshold=2.0)

WORKS, ONE_LENGTH, REFUSED, NOT_BUILT = "works", "works, prompts of one length at a time", "refused", "not built"
STOPPED = "taken when it is loaded, and stopped by the update's own check"

FAULTS = {
    "moshi": "beyond its sliding window, token by token, its logits are not those of a whole pass; a few tokens do not "
    "reach that far"
}
"""By model type, what a few tokens cannot show."""


@dataclass(frozen=True)
class Outcome:
    """What came of a model type; `why` it was refused, or could not be built."""

    model_type: str
    what: str
    why: str = ""


def try_model(model_type: str, folder: Path, settings: Update) -> Outcome:
    """Takes a model type through a round in a new folder.

    Raises AssertionError if the model is taken and anything differs from what it should be.
    """
    folder.mkdir()
    try:
        model = small_model(model_type)
    except Exception as error:  # a configuration's or a model's own
        return Outcome(model_type, NOT_BUILT, f"{type(error).__name__}: {_one_line(error)}")
    new_checkpoint(folder / "new", Model(hidden_size=8, layers=1, heads=1), VOCABULARY, max_positions=8)
    tokenizer = load_policy(folder / "new")
    save_policy(
        Policy(tokenizer.tokenizer, (1,), model.config.get_text_config().vocab_size, model), *_places(folder, 0)
    )
    shutil.copy(folder / "new" / "generation_config.json", folder / "0")
    try:
        policy = load_policy(folder / "0", sampled=True)
    except MtpipeError as error:
        return Outcome(model_type, REFUSED, _one_line(error).replace(f"{folder / '0'}", "").lstrip(": "))
    _assert_equal(_logits(policy, [2, 3, 4]), _own(model, [2, 3, 4]), "the saved model's logits")
    rollouts = _sampled(policy)
    if model_type in FAULTS:
        _assert_stopped(policy, rollouts, settings)
        return Outcome(model_type, STOPPED, FAULTS[model_type])
    _assert_recorded(policy, rollouts)
    before = {name: parameter.detach().clone() for name, parameter in policy.model.named_parameters()}
    _update(policy, rollouts, settings)
    after = dict(policy.model.named_parameters())
    assert any(not value.equal(after[name]) for name, value in before.items()), (
        "the update left all weights as they were"
    )
    save_policy(policy, *_places(folder, 1))
    _assert_equal(
        _logits(load_policy(folder / "1"), [2, 3, 4]), _logits(policy, [2, 3, 4]), "the updated model's logits"
    )
    return Outcome(model_type, WORKS if policy.reads_padding else ONE_LENGTH)


def _places(folder: Path, number: int) -> tuple[Path, Path]:
    return folder / str(number), folder / "new"


def _sampled(policy: Policy) -> list[Rollout]:
    requests = [
        Request(prompt, index, policy.encode(prompt), 1.0, RULE) for prompt in PROMPTS for index in range(GROUP_SIZE)
    ]
    return list(sample(policy, requests, SamplingPlan(0, "round 0", NEW_TOKENS, batch_size=100)))


def _assert_recorded(policy: Policy, rollouts: list[Rollout]) -> None:
    """Recorded log-probs against the model's own forward pass, one response at a time, and against the update's."""
    for rollout in rollouts:
        start = len(rollout.prompt_ids) - 1
        logits = _logits(policy, rollout.prompt_ids + rollout.response_ids)[start:-1]
        targets, temperatures = torch.tensor(rollout.response_ids), torch.tensor(rollout.temperatures)
        expected, _ = tempered_logprobs(logits, targets, temperatures)
        _assert_equal(torch.tensor(rollout.behaviour_logprobs), expected, "log-probs as they were sampled")
        with torch.no_grad():
            scored = Scorer(policy.model)(
                pad([rollout.prompt_ids], [rollout.response_ids]), temperatures, torch.float32
            )
        _assert_equal(scored.tempered, expected, "log-probs by the update's own way")


def _assert_stopped(policy: Policy, rollouts: list[Rollout], settings: Update) -> None:
    """The update takes no step from such rollouts."""
    refused = ""
    try:
        _update(policy, rollouts, settings)
    except MtpipeError as error:
        refused = str(error)
    assert "do not fit the policy" in refused, refused or "the fault is gone; take the model out of FAULTS"


def _update(policy: Policy, rollouts: list[Rollout], settings: Update) -> None:
    verdicts = [
        {"problem_id": one.problem_id, "sample": one.sample, "reward": float(one.sample % 2), "verdict": "wrong"}
        for one in rollouts
    ]
    shares = can_share(Scorer(policy.model))
    exact = settings.model_copy(update={"logprob_tolerance": NATS, "share_prompts": shares, "prompts_per_step": 4})
    steps = optimizer_steps(join_groups(rollouts, verdicts, GROUP_SIZE), exact, NEW_TOKENS)
    (metrics,) = update_policy(Learner.of(policy, exact), steps, tqdm(disable=True))
    assert abs(metrics["ratio"] - 1) < NATS, f"the first step's mean ratio is {metrics['ratio']}"


def _logits(policy: Policy, ids: list[int]) -> Tensor:
    return _own(policy.model, ids)


@torch.no_grad()
def _own(model: torch.nn.Module, ids: list[int]) -> Tensor:
    """[tokens, vocabulary]."""
    return model(input_ids=torch.tensor([ids])).logits[0].float()


def _assert_equal(found: Tensor, expected: Tensor, what: str) -> None:
    gap = float((found - expected).abs().max())
    assert gap <= NATS, f"{what} differ by {gap:.2g}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
