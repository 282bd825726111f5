"""Pictures of how training went: what groups came to, how diverse they are, and the optimizer's numbers."""

from mtpipe.report.collect import Study
from mtpipe.report.curves import by_round
from mtpipe.report.svg import Picture

_GROUPS = {
    "groups_right": "Groups whose responses are all correct: they teach nothing",
    "groups_mixed": "Groups with correct and other responses: they teach",
    "groups_wrong": "Groups without a correct response: they teach nothing",
}
_DIVERSITY = {
    "distinct_responses": "Different responses of a group, as a share of its responses",
    "distinct_answers": "Different final answers of a group, as a share of its responses",
}
_OPTIMIZER = {
    "clip_fraction": ("share of tokens", "Tokens whose gradient the clip takes away"),
    "kl_behaviour": ("nats a token", "KL divergence from the policy that sampled"),
    "grad_norm": ("norm", "Gradient norm before clipping"),
}


def group_pictures(study: Study) -> list[Picture]:
    """Groups all right, mixed and all wrong by round, and the diversity within groups."""
    pictures = [by_round(study, key, "share of groups", caption) for key, caption in _GROUPS.items()]
    return pictures + [by_round(study, key, "share of responses", caption) for key, caption in _DIVERSITY.items()]


def optimizer_pictures(study: Study) -> list[Picture]:
    """Clip fraction, KL and gradient norm by round, each a mean over the round's optimizer steps."""
    return [by_round(study, key, unit, caption) for key, (unit, caption) in _OPTIMIZER.items()]
