"""How tokens are weighed against each other: the weight of each token of a response, over one optimizer step.

All functions take the lengths (tokens) of all responses of the step, whichever micro-batch or process they go to, and
return one weight per response, which each of its tokens has. So the sum of weight * loss over any part of the tokens
is that part's share of the step's loss, and no result depends on how a step is split.
"""

from collections import Counter

from mtpipe.settings.losses import Weights


def response_weights(kind: Weights, lengths: list[int], groups: list[str], max_response: int) -> list[float]:
    """The weights of that kind; the arguments are those of the functions below."""
    match kind:
        case "sequence_mean":
            return sequence_mean(lengths)
        case "token_mean":
            return token_mean(lengths)
        case "group_token_mean":
            return group_token_mean(lengths, groups)
        case "constant":
            return constant(lengths, max_response)


def sequence_mean(lengths: list[int]) -> list[float]:
    """1 / (responses * length): the mean over responses of their mean over tokens. GRPO, arXiv 2402.03300, eq. 3."""
    return [1 / (len(lengths) * length) for length in lengths]


def token_mean(lengths: list[int]) -> list[float]:
    """1 / tokens of the step: every token counts the same. DAPO, arXiv 2503.14476, equation 8; TRL's `dapo`."""
    return [1 / sum(lengths)] * len(lengths)


def group_token_mean(lengths: list[int], groups: list[str]) -> list[float]:
    """1 / (groups * tokens of the group): the mean over problems of their token mean.

    This is TRL's `bnpo` for a local batch of one group. TRL's depends on which responses share a local batch; here
    the problem decides.

    Args:
        groups: the problem of each response.
    """
    tokens: Counter[str] = Counter()
    for group, length in zip(groups, lengths, strict=True):
        tokens[group] += length
    return [1 / (len(tokens) * tokens[group]) for group in groups]


def constant(lengths: list[int], max_response: int) -> list[float]:
    """1 / (responses * longest possible response): long responses are not discounted. Dr.GRPO, arXiv 2503.20783.

    Args:
        max_response: tokens; sampling.max_new_tokens.
    """
    return [1 / (len(lengths) * max_response)] * len(lengths)
