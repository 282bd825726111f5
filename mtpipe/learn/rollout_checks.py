"""Whether a round's rollouts belong to the policy that is about to learn from them."""

from collections import defaultdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mtpipe.errors import MtpipeError
from mtpipe.learn.batching.steps import OptimizerStep, TrainingSample
from mtpipe.learn.distributed.ranks import Ranks
from mtpipe.learn.losses.mismatch import mismatch_weights
from mtpipe.learn.objective import MicroBatch
from mtpipe.learn.scoring.chunked_head import TokenScores
from mtpipe.learn.scoring.mismatch_table import mismatch_table
from mtpipe.records import Rollout
from mtpipe.settings.update import Update


def check_tokens(responses: list[TrainingSample], vocabulary: int) -> None:
    """Raises MtpipeError for a token outside the policy's vocabulary, and for a response without tokens."""
    for response in responses:
        if not response.rollout.response_ids or not response.rollout.prompt_ids:
            raise MtpipeError(
                f"problem {response.rollout.problem_id!r} has a response without tokens, or no prompt; "
                f"run the rollout stage again"
            )
        ids = (response.rollout.prompt_ids, response.rollout.response_ids)
        largest, smallest = (pick(map(pick, ids)) for pick in (max, min))
        if not 0 <= smallest <= largest < vocabulary:
            raise MtpipeError(
                f"problem {response.rollout.problem_id!r} has the token "
                f"{largest if largest >= vocabulary else smallest}, the policy's vocabulary ends at "
                f"{vocabulary - 1}: another policy sampled it; run the rollout stage again"
            )


class RecordedLogprobs:
    """The recorded log-probs of the first step's tokens held against the policy's, micro-batch by micro-batch.

    The sampling temperatures are also held against others that a defect would put in their place: those of the token
    before or after, those of the group's next response, and 1. To first order another temperature T' changes a
    token's log-prob by d = (log p + H) (T / T' - 1), with the log-prob and the entropy H at its own T, because that is
    the slope of log softmax(z / T) in 1 / T. Regressed on d, what was recorded less the own log-probs has the
    coefficient 0 if T is right, whatever the rounding, and about 1 if T' is. A token that was drawn evenly has the same
    log-prob at any temperature.
    """

    def __init__(self, responses: list[TrainingSample]):
        self._others = _other_temperatures([one.rollout for one in responses])
        self._columns: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
        self._farthest = (-1.0, "")

    def add(self, scores: TokenScores, tokens: MicroBatch, batch: list[TrainingSample]) -> None:
        """Takes a micro-batch. Raises MtpipeError for a log-prob that is no finite number on either side."""
        own, recorded = (
            values.detach().double().cpu().numpy() for values in (scores.tempered, tokens.behaviour_logprobs)
        )
        temperatures, entropies, untempered, entropy = (
            values.detach().double().cpu().numpy()
            for values in (tokens.temperatures, scores.entropy_tempered, scores.untempered, scores.entropy)
        )
        even = tokens.even.cpu().numpy()
        gap = own - recorded
        worst = int(np.abs(gap).argmax())
        place = _place(worst, batch)
        said = (
            f"{place} was sampled with {recorded[worst]:.6f} nats at temperature {temperatures[worst]:g}, the policy "
            f"gives {own[worst]:.6f}"
        )
        if not np.isfinite(gap).all():
            raise MtpipeError(f"the rollouts' log-probs do not fit the policy: {said}; run the rollout stage again")
        self._farthest = max(self._farthest, (float(abs(gap[worst])), said))
        columns = {"log_mismatch": gap, "temperatures": temperatures, "entropies": entropy}
        for name, by_response in self._others.items():
            other = np.concatenate([by_response[id(one.rollout)] for one in batch])
            columns[name] = np.where(even, 0.0, (own + entropies) * (temperatures / other - 1))
        columns[AT_ONE] = untempered - own if tokens.masks is None else np.zeros(len(own))
        for name, values in columns.items():
            self._columns[name].append(values)

    def check(self, ranks: Ranks, tolerance: float) -> list[dict[str, Any]]:
        """The table of the differences, over the tokens of all processes. Raises MtpipeError for a fault."""
        table, fault = self.verdict(ranks, tolerance)
        if fault:
            raise MtpipeError(f"{fault}. Run the rollout stage again; `python -m mtpipe parity` compares both sides")
        return table

    def verdict(self, ranks: Ranks, tolerance: float) -> tuple[list[dict[str, Any]], str]:
        """The table of the differences, and what is wrong with them, or "".

        That is: other temperatures explain the recorded log-probs better than their own, or the differences' mean is
        above `tolerance` (nats). The largest difference is no fault: among millions of tokens sampled in bfloat16 some
        are off by a nat.
        """
        own = {name: np.concatenate(values) for name, values in self._columns.items()}
        gathered = ranks.gather((own, self._farthest))
        parts = [part for part, _ in gathered if part]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        gap, (_, farthest) = columns["log_mismatch"], max(of_process for _, of_process in gathered)
        table = mismatch_table(gap, columns["temperatures"], columns["entropies"])
        others = {name: columns[name] for name in (*self._others, AT_ONE) if explains(-gap, columns[name])}
        if others:
            best = min(others, key=lambda name: float(np.square(gap + others[name]).sum()))
            return table, (
                f"the rollouts' log-probs do not fit the policy: temperatures are not aligned with their tokens. "
                f"{best[:1].upper()}{best[1:]} explain the log-probs better (coefficient "
                f"{explains(-gap, others[best]):.2f}: 0 if the recorded ones were right, 1 if these were). "
                f"Farthest off: {farthest}"
            )
        mean = table[0]["mean"]
        if mean > tolerance:
            return table, (
                f"the rollouts' log-probs do not fit the policy: they differ by {mean:.3g} nats a token in the mean "
                f"over {len(gap)} tokens (allowed: {tolerance:g}, update.logprob_tolerance). Farthest off: {farthest}. "
                f"Either another policy sampled them, or temperatures are not aligned with their tokens, or not the "
                f"masks of a truncation"
            )
        return table, ""


def corrected_table(steps: list[OptimizerStep], settings: Update) -> list[dict[str, Any]]:
    """The same table over a round whose log-probs were computed beforehand, with what the loss is multiplied by."""
    columns = []
    for index, one in enumerate(response for step in steps for response in step.responses):
        log_weight = torch.tensor(one.log_mismatch)
        weights = mismatch_weights(log_weight, torch.zeros(len(log_weight), dtype=torch.long), settings.mismatch)
        rollout = one.rollout
        number = np.full(len(log_weight), index)
        columns.append((one.log_mismatch, rollout.temperatures, rollout.entropies, weights.tolist(), number))
    return mismatch_table(*map(np.concatenate, zip(*columns, strict=True))) if columns else []


AT_ONE = "temperatures of 1"


def explains(gap: NDArray[np.float64], change: NDArray[np.float64]) -> float | None:
    """The coefficient of `gap` on `change`, if it is nearer to 1 than to 0 and no accident; else None.

    That is above 1/2, and above five of its standard errors, which allow for tokens of unequal noise (White 1980).
    """
    square = float(change @ change)
    if square == 0:
        return None
    coefficient = float(gap @ change) / square
    error = float(np.sqrt(np.sum((change * (gap - coefficient * change)) ** 2))) / square
    return coefficient if coefficient > max(0.5, 5 * error) else None


def _other_temperatures(rollouts: list[Rollout]) -> dict[str, dict[int, list[float]]]:
    """By defect, for each response by its identity, the temperatures that its tokens would really have had."""
    groups: dict[str, list[Rollout]] = defaultdict(list)
    for rollout in rollouts:
        groups[rollout.problem_id].append(rollout)
    found: dict[str, dict[int, list[float]]] = defaultdict(dict)
    for group in groups.values():
        for rollout, following in zip(group, group[1:] + group[:1], strict=True):
            own, next_ones = rollout.temperatures, following.temperatures
            longer = next_ones + next_ones[-1:] * (len(own) - len(next_ones))
            found["those of the token before"][id(rollout)] = own[:1] + own[:-1]
            found["those of the token after"][id(rollout)] = own[1:] + own[-1:]
            found["those of the group's next response"][id(rollout)] = longer[: len(own)]
    return dict(found)


def _place(token: int, batch: list[TrainingSample]) -> str:
    for one in batch:
        if token < len(one.rollout.response_ids):
            return f"problem {one.rollout.problem_id!r}, token {token}"
        token -= len(one.rollout.response_ids)
    raise AssertionError("the token is in none of the responses")
