"""The policy update of one round: DAPO with the tempered target.

Every token is scored at the temperature it was sampled at, so the ratio to the behaviour policy starts at 1.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from mtpipe.errors import MtpipeError
from mtpipe.learn.advantages import group_advantages
from mtpipe.learn.groups import Group
from mtpipe.learn.losses import dapo_loss
from mtpipe.learn.optimizer import Optimizer
from mtpipe.learn.token_logprobs import Sequences, entropies, pad, tempered_logprobs, token_logits
from mtpipe.params import Update
from mtpipe.policy import Policy


@dataclass(frozen=True)
class Scored:
    """One response with its advantage; the three lists have an entry for each response token."""

    problem_id: str
    prompt_ids: list[int]
    response_ids: list[int]
    logprobs: list[float]
    temperatures: list[float]
    advantage: float


def update_policy(
    policy: Policy,
    optimizer: Optimizer,
    groups: list[Group],
    settings: Update,
    progress: tqdm,
    after_step: Callable[[int, dict[str, float]], None] | None = None,
) -> list[dict[str, float]]:
    """Takes one optimizer step per `prompts_per_step` groups and returns the metrics of each, in order.

    `after_step` is called with each step's number, counted from 1, and its metrics.

    Groups of equal rewards are dropped and counted; a step that has no other groups is skipped.

    Raises MtpipeError where the policy's log-probs do not match the rollouts' before the first step, or where
    a loss or gradient is not finite.
    """
    metrics = []
    checked = False
    for start in range(0, len(groups), settings.prompts_per_step):
        chunk = groups[start : start + settings.prompts_per_step]
        rewards = torch.tensor([group.rewards for group in chunk], dtype=torch.float64)
        advantages, varied = group_advantages(rewards)
        described = {
            "reward": float(rewards.mean()),
            "response_tokens": sum(len(row["response_ids"]) for group in chunk for row in group.rollouts)
            / rewards.numel(),
            "groups_dropped": int((~varied).sum()),
        }
        kept = [
            _scored(group, row) for group, row, keep in zip(chunk, advantages.tolist(), varied, strict=True) if keep
        ]
        if kept:
            described |= _step(policy, optimizer, [one for group in kept for one in group], settings, check=not checked)
            checked = True
        metrics.append(described)
        if after_step:
            after_step(len(metrics), described)
        progress.update(len(chunk))
    return metrics


def _scored(group: Group, advantages: list[float]) -> list[Scored]:
    return [
        Scored(
            problem_id=group.problem_id,
            prompt_ids=row["prompt_ids"],
            response_ids=row["response_ids"],
            logprobs=row["logprobs"],
            temperatures=row["temperatures"],
            advantage=advantage,
        )
        for row, advantage in zip(group.rollouts, advantages, strict=True)
    ]


def _step(
    policy: Policy, optimizer: Optimizer, responses: list[Scored], settings: Update, check: bool
) -> dict[str, float]:
    """One optimizer step over the mean of all tokens of `responses`."""
    tokens = sum(len(response.response_ids) for response in responses)
    policy.model.train()
    sums: dict[str, float] = {}
    for batch in micro_batches(responses, settings.tokens_per_micro_batch):
        loss, parts = _micro_batch_loss(policy, batch, settings, check)
        if not torch.isfinite(loss):
            raise MtpipeError(
                f"the loss is {loss.item()} in the batch of {_named(batch)}; the round stops here, its inputs are kept"
            )
        (loss / tokens).backward()
        for key, value in parts.items():
            sums[key] = max(sums.get(key, value), value) if key == "ratio_max" else sums.get(key, 0.0) + value / tokens
    norm = optimizer.clip()
    if not torch.isfinite(torch.tensor(norm)):
        raise MtpipeError(
            f"the gradient norm is {norm} in the batch of {_named(responses)}; "
            f"the round stops here, its inputs are kept"
        )
    optimizer.step()
    return {**sums, "grad_norm": norm, "trained_tokens": tokens}


def micro_batches(responses: list[Scored], tokens: int) -> Iterator[list[Scored]]:
    """Batches of similar length whose padded size stays within `tokens`, or of one response that is longer."""

    def length(response: Scored) -> int:
        return len(response.prompt_ids) + len(response.response_ids)

    batch: list[Scored] = []
    for response in sorted(responses, key=length):
        if batch and (len(batch) + 1) * length(response) > tokens:
            yield batch
            batch = []
        batch.append(response)
    yield batch


def _micro_batch_loss(
    policy: Policy, batch: list[Scored], settings: Update, check: bool
) -> tuple[Tensor, dict[str, float]]:
    """The summed loss over a micro-batch's tokens, and sums over tokens of what is logged."""
    sequences = pad([one.prompt_ids for one in batch], [one.response_ids for one in batch], policy.device)

    def flat(values: list[list[float]]) -> Tensor:
        return torch.tensor([value for row in values for value in row], device=policy.device)

    temperatures = flat([one.temperatures for one in batch])
    sampled = flat([one.logprobs for one in batch])
    advantages = flat([[one.advantage] * len(one.response_ids) for one in batch])

    logits = token_logits(policy.model, sequences)
    logprobs, tempered_entropies = tempered_logprobs(logits, sequences.targets, temperatures)
    if check:
        check_logprobs(logprobs.detach(), sampled, sequences, batch, settings.logprob_tolerance)
    result = dapo_loss(logprobs, sampled, advantages, settings.clip_low, settings.clip_high, settings.dual_clip)
    return result.loss.sum(), {
        "loss": float(result.loss.detach().sum()),
        "ratio": float(result.ratio.sum()),
        "ratio_max": float(result.ratio.max()),
        "clip_fraction": float(result.clipped.float().sum()),
        "entropy_tempered": float(tempered_entropies.sum()),
        "entropy": float(entropies(logits.detach().log_softmax(-1)).sum()),
    }


def check_logprobs(
    logprobs: Tensor, sampled: Tensor, sequences: Sequences, batch: list[Scored], tolerance: float
) -> None:
    """Holds the policy's tempered log-probs [tokens] against the rollouts', token by token.

    Raises MtpipeError where any differs by more than `tolerance` nats: the policy is not the one that sampled,
    or temperatures and tokens are out of step.
    """
    gap = (logprobs - sampled).abs()
    worst = int(gap.argmax())
    if gap[worst] <= tolerance:
        return
    response = batch[int(sequences.row[worst])]
    token = int(sequences.column[worst]) - len(response.prompt_ids)
    raise MtpipeError(
        f"the rollouts' log-probs do not fit the policy: problem {response.problem_id!r}, token {token} was sampled "
        f"with {float(sampled[worst]):.6f} nats at temperature {response.temperatures[token]:g}, the policy gives "
        f"{float(logprobs[worst]):.6f} (allowed difference {tolerance:g}: update.logprob_tolerance). Either another "
        f"policy sampled them, or their temperatures are not aligned with their tokens; run the rollout stage again"
    )


def temperature_shares(groups: list[Group], base: list[float]) -> list[dict[str, Any]]:
    """How the responses fared by sampling temperature.

    Args:
        base: the planned base temperature of each response of a group.

    Returns:
        for each temperature, ascending: the number of responses, their mean reward, and their share of the sum of
        positive advantages (0 where no group has any).
    """
    advantages, _ = group_advantages(torch.tensor([group.rewards for group in groups], dtype=torch.float64))
    positive = advantages.clamp(min=0)
    total = float(positive.sum())
    shares = []
    for temperature in sorted(set(base)):
        samples = [index for index, value in enumerate(base) if value == temperature]
        rewards = [group.rewards[index] for group in groups for index in samples]
        shares.append(
            {
                "temperature": temperature,
                "responses": len(rewards),
                "reward": sum(rewards) / len(rewards),
                "positive_advantage_share": float(positive[:, samples].sum()) / total if total else 0.0,
            }
        )
    return shares


def _named(batch: list[Scored]) -> str:
    problems = sorted({response.problem_id for response in batch})
    return f"problems {', '.join(problems[:5])}" + (f" and {len(problems) - 5} more" if len(problems) > 5 else "")
