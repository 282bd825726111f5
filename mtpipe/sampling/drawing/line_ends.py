"""Which tokens end a line: a table over the vocabulary, so that no text is decoded while tokens are drawn."""

from collections.abc import Callable
from functools import cache

import torch
from tokenizers import Tokenizer
from torch import Tensor

from mtpipe.errors import MtpipeError


def token_texts(tokenizer: Tokenizer, vocabulary: int) -> list[str]:
    """The text of each token, written twice in a row, because some decoders strip the space before the first one.

    Args:
        vocabulary: the number of logits, which may be larger than the tokenizer's.
    """
    known = min(tokenizer.get_vocab_size(with_added_tokens=True), vocabulary)
    return tokenizer.decode_batch([[token] * 2 for token in range(known)], skip_special_tokens=False)


def line_ends(tokenizer: Tokenizer, vocabulary: int, device: torch.device | str) -> Callable[[str], Tensor]:
    """Makes, for a character that ends lines, the [vocabulary] bool table of the tokens that end with it, blanks aside.

    The table raises MtpipeError where no token does: the rule that asked for it would never see a line.
    """

    @cache
    def table(line_end: str) -> Tensor:
        texts = token_texts(tokenizer, vocabulary)
        ends = torch.zeros(vocabulary, dtype=torch.bool)
        ends[: len(texts)] = torch.tensor([line_end in (text[-1:], text.rstrip(" \t")[-1:]) for text in texts])
        if not ends.any():
            raise MtpipeError(f"no token of the vocabulary ends with the line end {line_end!r}; set another line_end")
        return ends.to(device)

    return table
