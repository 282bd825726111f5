"""Gradient checkpointing: layers whose activations are computed again in the backward pass instead of kept."""

from functools import partial

from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from mtpipe.errors import MtpipeError


def recompute_layers(model: PreTrainedModel) -> None:
    """Keeps of every layer its inputs alone.

    transformers does so in training mode only, where dropout and router noise are on too. Scores would then not be
    those of the policy that was sampled, so this works in evaluation mode, with the layers that transformers names.

    Raises MtpipeError for a model that has none.
    """
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not layers:
        raise MtpipeError(
            f"update.gradient_checkpointing is true, but {type(model).__name__} has no layers that can be computed "
            f"again; set it to false"
        )
    for layer in layers:
        if not isinstance(layer.forward, partial):
            layer.forward = partial(checkpoint, layer.forward, use_reentrant=False, preserve_rng_state=False)
