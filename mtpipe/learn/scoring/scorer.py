"""Scores the response tokens of a micro-batch under a model: one module, so that one call is one forward pass."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from mtpipe.errors import MtpipeError
from mtpipe.learn.scoring.chunked_head import TokenScores, logprobs_at, token_scores
from mtpipe.learn.scoring.sequences import Sequences
from mtpipe.temperature.masks import Masks

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""Of `update.precision`."""

_SCALES = ("logit_scale", "logits_scaling", "lm_head_multiplier")
"""Settings of some architectures that multiply the logits after the head; not computed here."""


class Scorer(nn.Module):
    """A model from token ids to token scores.

    Whatever shards parameters (FSDP2) has to wrap this module, not the model inside it: then the head's weights are
    whole for as long as its forward pass runs, where they are read without a call of the head itself.

    Raises MtpipeError for a model whose head is no linear layer, or whose logits are scaled after it.
    """

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        self.model = model
        head = model.get_output_embeddings()
        if not isinstance(head, nn.Linear):
            raise MtpipeError(
                f"{type(model).__name__} has the output head {type(head).__name__}; the update reads hidden states and "
                f"needs a linear head: choose another model.checkpoint"
            )
        config: Any = model.config.get_text_config()
        for name in _SCALES:
            if getattr(config, name, None) not in (None, 1, 1.0):
                raise MtpipeError(
                    f"{type(model).__name__} scales its logits ({name} = {getattr(config, name)}), which the update "
                    f"does not compute; choose another model.checkpoint"
                )
        self.softcap: float | None = getattr(config, "final_logit_softcapping", None)

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
            head = self.model.get_output_embeddings()
            given = (hidden, head.weight, head.bias, self.softcap, sequences.targets)
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
            read = self.model.base_model(input_ids=prompts, use_cache=True)
        last = read.last_hidden_state[torch.arange(len(prompts), device=prompts.device), lengths - 1]
        return [last, *(state for layer in read.past_key_values.layers for state in (layer.keys, layer.values))]

    def _hidden(self, sequences: Sequences) -> Tensor:
        """The last hidden state that each response token was drawn from, [tokens, hidden_size]."""
        context = sequences.context
        if context is None:
            states = self.model.base_model(input_ids=sequences.ids, use_cache=False).last_hidden_state
            return states[sequences.response_index, sequences.column - 1]
        states = self.model.base_model(
            input_ids=sequences.ids,
            attention_mask=context.mask,
            position_ids=context.positions,
            past_key_values=context.cache,
            use_cache=True,
        ).last_hidden_state
        return torch.cat([context.last[:, None], states], dim=1)[sequences.response_index, sequences.column]
