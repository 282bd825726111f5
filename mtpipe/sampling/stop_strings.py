"""Texts that end a response, found in the tokens as they are drawn."""

from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from mtpipe.sampling.drawing.line_ends import token_texts


@dataclass(frozen=True)
class StopStrings:
    """Looks for stop strings at the end of unfinished responses.

    Decoding every row at every step would be slow, so only rows whose newest token can complete a stop string are
    looked at: `completing` [vocabulary] marks the tokens whose text has some stop string's last character, or a part
    of a character. `window` is how many tokens a stop string can span, plus one, because some decoders strip the
    space before the first token.
    """

    tokenizer: Tokenizer
    stop: tuple[str, ...]
    completing: Tensor
    window: int

    @classmethod
    def of(cls, tokenizer: Tokenizer, stop: tuple[str, ...], vocabulary: int, device: torch.device) -> "StopStrings":
        """`vocabulary` is the number of logits, which may be larger than the tokenizer's."""
        last = {text[-1] for text in stop} | {"\N{REPLACEMENT CHARACTER}"}
        texts = token_texts(tokenizer, vocabulary)
        completing = torch.zeros(vocabulary, dtype=torch.bool)
        completing[: len(texts)] = torch.tensor([not last.isdisjoint(text) for text in texts])
        window = max(len(text.encode()) for text in stop) + 1
        return cls(tokenizer, stop, completing.to(device), window)

    def ended(self, tokens: Tensor, rows: Tensor, step: int) -> Tensor:
        """Which rows' responses have a stop string whose last character came with the token of this step.

        Args:
            tokens: [requests, steps], drawn up to and with `step`.
            rows: [rows], the requests that are still in the batch.

        Returns:
            [rows], bool.
        """
        ended = self.completing[tokens[rows, step]]
        candidates = ended.nonzero().squeeze(1)
        if len(candidates):
            tails = tokens[rows[candidates], max(0, step + 1 - self.window) : step + 1].tolist()
            texts = self.tokenizer.decode_batch(tails, skip_special_tokens=False)
            found = [any(stop in text for stop in self.stop) for text in texts]
            ended[candidates] = torch.tensor(found, device=ended.device)
        return ended
