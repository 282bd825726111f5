"""What a round's judged responses tell a controller, before the policy learns from them."""

from functools import partial

import torch

from mtpipe.learn.batching.advantages import group_advantages
from mtpipe.learn.batching.groups import RolloutGroup
from mtpipe.learn.batching.steps import TrainingSample
from mtpipe.learn.scoring.scorer import PRECISIONS, Scorer
from mtpipe.learn.scoring.shared_prompts import laid_out
from mtpipe.settings.update import Update
from mtpipe.temperature.controllers.controller import AfterRound


def after_round(groups: list[RolloutGroup], scorer: Scorer, settings: Update) -> AfterRound:
    """The round's figures, group by group; log-probs at other temperatures are computed when they are asked for."""
    logprobs = [value for group in groups for rollout in group.rollouts for value in rollout.behaviour_logprobs]
    advantages, _ = group_advantages(torch.tensor([group.rewards for group in groups], dtype=torch.float64))
    return AfterRound(
        entropy=-sum(logprobs) / len(logprobs),
        vocabulary=scorer.model.config.get_text_config().vocab_size,
        advantages=advantages.flatten().tolist(),
        logprobs_at=partial(mean_logprobs, groups, scorer, settings),
    )


@torch.no_grad()
def mean_logprobs(
    groups: list[RolloutGroup], scorer: Scorer, settings: Update, candidates: list[float]
) -> list[list[float]]:
    """For each response the mean log-prob of its tokens (nats) at each candidate temperature.

    One forward pass over the round serves all candidates.
    """
    responses = [TrainingSample(rollout, advantage=0.0) for group in groups for rollout in group.rollouts]
    found: dict[int, list[float]] = {}
    for batch, sequences in laid_out(scorer, responses, settings):
        logprobs = scorer(sequences, candidates, PRECISIONS[settings.precision]).double()
        for one, part in zip(batch, logprobs.split([len(one.rollout.response_ids) for one in batch]), strict=True):
            found[id(one)] = part.mean(0).tolist()
    return [found[id(one)] for one in responses]
