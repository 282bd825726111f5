"""What a model has to do for its log-probs to be right, tried with a few tokens when a policy is loaded.

No list of names says which models that are: a model that fails is refused with what it failed at. A few tokens do not
reach the end of a sliding window, which is transformers' own to get right.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice

import torch
from torch import Tensor
from transformers import PreTrainedModel

from mtpipe.errors import MtpipeError
from mtpipe.model.context import ModelContext
from mtpipe.model.output_head import SIZES, OutputHead

_TOLERANCE, _ROUNDINGS = 1e-3, 40
"""Of the spread of a token's logits. float32 rounds by 1e-6 of it, and up to 1e-4 if a model is large; for a type that
rounds more coarsely, so many of its roundings of 1."""

_SAME_LENGTH, _PADDED = (5, 5), (6, 3)
"""Tokens of the two prompts that are tried."""


def probe_tokens(model: PreTrainedModel, count: int) -> list[int]:
    """Token ids from all over the vocabulary, none of which the configuration gives a meaning of its own."""
    config = model.config.get_text_config()
    special: set[int] = set()
    for name, value in {**model.config.to_dict(), **config.to_dict()}.items():
        if name.endswith(("token_id", "token_index")):
            special.update(value if isinstance(value, list) else [value])
    size = config.vocab_size
    spread = ((1 + 7919 * index) % size for index in range(min(size, 50 * count)))
    ordinary = [token for token in spread if token not in special] or [0]
    return list(islice(cycle(ordinary), count))


@torch.no_grad()
def check_scoring(model: PreTrainedModel) -> None:
    """Raises MtpipeError if log-probs of right-padded sequences, by hidden states, are not those of a forward pass."""
    texts = _prompts(model, _PADDED)
    width = max(map(len, texts))
    ids = torch.tensor([[*text, *[0] * (width - len(text))] for text in texts], device=model.device)
    with _refusing(model, "scored"):
        head = output_head(model)
        logits = head.logits(head.body(input_ids=ids, use_cache=False).last_hidden_state)
        expected = _own_logits(model, texts)
    gap = max(_gap(found[: len(text)], own) for text, found, own in zip(texts, logits, expected, strict=True))
    if gap > _TOLERANCE:
        raise _refusal(
            model, "scored", f"a sequence's logits depend on what stands behind them, by {gap:.1g} of their spread"
        )


@torch.no_grad()
def reads_padding(model: PreTrainedModel) -> bool:
    """Whether prompts of several lengths may be sampled side by side, padded on the left.

    Raises MtpipeError if the model cannot be sampled with a cache even without padding.
    """
    with _refusing(model, "sampled"):
        gap = _sampling_gap(model, _SAME_LENGTH)
    tolerance = max(_TOLERANCE, _ROUNDINGS * torch.finfo(model.dtype).eps)
    if gap > tolerance:
        raise _refusal(
            model, "sampled", f"token by token, its logits are not those of a whole pass (by {gap:.1g} of their spread)"
        )
    try:
        return _sampling_gap(model, _PADDED) <= tolerance
    except torch.OutOfMemoryError:
        raise
    except Exception:  # whatever a model makes of padding that it does not know
        return False


def output_head(model: PreTrainedModel) -> OutputHead:
    """The model's head; raises MtpipeError where it is none that can be computed from hidden states."""
    return OutputHead.of(model, torch.tensor([probe_tokens(model, len(SIZES))], device=model.device))


def _sampling_gap(model: PreTrainedModel, lengths: Sequence[int]) -> float:
    """How far a context's logits are from those of whole passes: after reading, in another order, after more tokens."""
    texts = _prompts(model, lengths)
    context = ModelContext(model, texts)
    order = [1, 0, 0]
    context.keep(torch.tensor(order, device=model.device))
    found = [context.logits]
    texts = [texts[row] for row in order]
    for tokens in zip(*[iter(probe_tokens(model, 6))] * len(order), strict=True):
        context.append(torch.tensor(tokens, device=model.device))
        texts = [[*text, token] for text, token in zip(texts, tokens, strict=True)]
        found.append(context.logits)
    expected = [own[-len(found) :] for own in _own_logits(model, texts)]
    return _gap(torch.stack(found, dim=1), torch.stack(expected))


def _prompts(model: PreTrainedModel, lengths: Sequence[int]) -> list[list[int]]:
    tokens = probe_tokens(model, sum(lengths))
    return [tokens[: lengths[0]], tokens[lengths[0] :]]


def _own_logits(model: PreTrainedModel, texts: list[list[int]]) -> list[Tensor]:
    """[tokens, vocabulary] each, by forward passes as transformers means them, over texts of one length at a time."""
    own: dict[int, Tensor] = {}
    for length in {len(text) for text in texts}:
        rows = [row for row, text in enumerate(texts) if len(text) == length]
        logits = model(input_ids=torch.tensor([texts[row] for row in rows], device=model.device)).logits.float()
        own |= dict(zip(rows, logits, strict=True))
    return [own[row] for row in range(len(texts))]


def _gap(found: Tensor, expected: Tensor) -> float:
    """The largest difference of two sets of log-probs, over the expected ones' standard deviation; inf for NaN."""
    found, expected = found.log_softmax(-1), expected.log_softmax(-1)
    gap = ((found - expected).abs().amax(-1) / expected.std(-1)).max()
    return float(gap.nan_to_num(nan=torch.inf))


@contextmanager
def _refusing(model: PreTrainedModel, what: str) -> Iterator[None]:
    try:
        yield
    except (MtpipeError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # a model's own code may raise anything
        raise _refusal(model, what, f"it ends with {type(error).__name__}: {error}") from error


def _refusal(model: PreTrainedModel, what: str, reason: str) -> MtpipeError:
    remedy = "set sampling.engine to vllm, or choose another model.checkpoint"
    if what == "scored":
        remedy = "choose another model.checkpoint"
    return MtpipeError(f"{type(model).__name__} cannot be {what} here: {reason}; {remedy}")
