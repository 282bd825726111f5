"""The linear layers of a model: those that an adapter may be on, and that a base may hold in 4 bits."""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


def linear_layers(model: PreTrainedModel) -> dict[str, nn.Linear]:
    """All but the output head, by their names.

    Scoring reads the head's weights by itself, and many models share them with their embedding.
    """
    head = model.get_output_embeddings()
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not head and _gives_products(module)
    }


@torch.no_grad()
def _gives_products(layer: nn.Linear) -> bool:
    """Whether it gives W x, tried with one x: of a class of its own it may be a router, which gives chosen experts."""
    if type(layer) is nn.Linear:
        return True
    try:
        found = layer(torch.zeros(1, layer.in_features, dtype=layer.weight.dtype, device=layer.weight.device))
    except Exception:  # whatever it makes of an x that it does not know
        return False
    return isinstance(found, Tensor) and found.shape == (1, layer.out_features)
