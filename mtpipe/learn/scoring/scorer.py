"""Scores the response tokens of a micro-batch under a model: one module, so that one call is one forward pass."""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from mtpipe.learn.scoring.chunked_head import TokenScores, logprobs_at, token_scores
from mtpipe.learn.scoring.sequences import Sequences
from mtpipe.model.probe import output_head
from mtpipe.temperature.masks import Masks

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""Of `update.precision`."""


class Scorer(nn.Module):
    """A model from token ids to token scores.

    Whatever shards parameters (FSDP2) has to wrap this module, not the model inside it: then the head's weights are
    whole for as long as its forward pass runs, where they are read without a call of the head itself.

    Attributes:
        head: how the model makes logits of hidden states.
        can_share: whether prompts may be read once; None until `mtpipe.learn.scoring.shared_prompts.can_share` tries.

    Raises MtpipeError for a model whose logits are not made of hidden states as `OutputHead` says.
    """

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        self.model = model
        self.head = output_head(model)
        self.can_share: bool | None = None

    def forward(
        self,
        sequences: Sequences,
        temperatures: Tensor | list[float],
        precision: torch.dtype,
        masks: Masks | None = None,
        entropy_gradient: bool = False,
    ) -> TokenScores | Tensor:
        """Scores all response tokens of `sequences` at their temperatures [tokens], cut by their masks, and at 1.

        Given a list of temperatures, it returns the tokens' log-probs at each of them [tokens, temperatures].

        Float32 weights are cast to `precision` for the products, if that is another type.
        """
        with torch.autocast(sequences.ids.device.type, dtype=precision, enabled=precision != torch.float32):
            hidden = self._hidden(sequences)
            linear, scale = self.head.linear, self.head.scale
            bias: Tensor | None = linear.bias
            if scale != 1.0:  # of logits, and so of what they are the sums of
                hidden, bias = hidden * scale, None if bias is None else bias * scale
            given = (hidden, linear.weight, bias, self.head.softcap, sequences.targets)
            if isinstance(temperatures, list):
                return logprobs_at(*given, temperatures)
            return token_scores(*given, temperatures, masks=masks, entropy_gradient=entropy_gradient)

    def read(self, prompts: Tensor, lengths: Tensor, precision: torch.dtype) -> list[Tensor]:
        """What responses need of their prompts: the hidden state at each one's end, and all layers' keys and values.

        That is [prompts, hidden_size], then two tensors [prompts, heads, width, head_size] for each layer.

        Args:
            prompts: [prompts, width], right-padded.
            lengths: [prompts], tokens.
        """
        with torch.autocast(prompts.device.type, dtype=precision, enabled=precision != torch.float32):
            read = self.head.body(input_ids=prompts, use_cache=True)
        last = read.last_hidden_state[torch.arange(len(prompts), device=prompts.device), lengths - 1]
        return [last, *(state for layer in read.past_key_values.layers for state in (layer.keys, layer.values))]

    def _hidden(self, sequences: Sequences) -> Tensor:
        """The last hidden state that each response token was drawn from, [tokens, hidden_size]."""
        context = sequences.context
        if context is None:
            states = self.head.body(input_ids=sequences.ids, use_cache=False).last_hidden_state
            return states[sequences.response_index, sequences.column - 1]
        states = self.head.body(
            input_ids=sequences.ids,
            attention_mask=context.mask,
            position_ids=context.positions,
            past_key_values=context.cache,
            use_cache=True,
        ).last_hidden_state
        return torch.cat([context.last[:, None], states], dim=1)[sequences.response_index, sequences.column]
