"""The linear layers of a model: those that an adapter may be on, and that a base may hold in 4 bits."""

from torch import nn
from transformers import PreTrainedModel


def linear_layers(model: PreTrainedModel) -> dict[str, nn.Linear]:
    """All but the output head, by their names.

    Scoring reads the head's weights by itself, and many models share them with their embedding.
    """
    head = model.get_output_embeddings()
    return {
        name: module for name, module in model.named_modules() if isinstance(module, nn.Linear) and module is not head
    }
