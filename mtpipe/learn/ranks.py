"""An update shared by several processes: parameters, gradients and optimizer state by FSDP2, micro-batches by rank.

Every token's weight in the loss is fixed before the step is shared (`mtpipe.learn.batches`), so the gradient is a
plain sum and does not depend on who computes which part: any number of processes serves any batch.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.utils import _pytree
from transformers import PreTrainedModel

from mtpipe.errors import MtpipeError
from mtpipe.learn.batches import Scored, micro_batches
from mtpipe.learn.chunked_head import TokenScores
from mtpipe.learn.scorer import Scorer
from mtpipe.learn.totals import Totals

# FSDP2 finds the tensors that a forward pass returns by walking its result, and needs to know this one.
_pytree.register_dataclass(TokenScores)


class Ranks:
    """The processes of one update, seen from one of them; `first` is the one that writes and reports."""

    scorer: Scorer

    def __init__(self, device: str):
        self.count = dist.get_world_size()
        self.first = dist.get_rank() == 0
        self._rank = dist.get_rank()
        self._mesh = init_device_mesh(device, (self.count,))

    def divide(self, model: PreTrainedModel) -> None:
        """Divides the parameters of each layer, and of what is left, among the processes, in place.

        `scorer` scores with them from then on. A model on the CPU moves to the processes' devices by layers, so no
        device ever holds all of it.

        Raises MtpipeError for a model without a list of layers.
        """
        scorer = Scorer(model)
        layers = getattr(scorer.model.base_model, "layers", None)
        if layers is None:
            raise MtpipeError(
                f"{type(scorer.model).__name__} has no list of layers to divide; set update.processes to 1"
            )
        for layer in layers:
            fully_shard(layer, mesh=self._mesh)
        fully_shard(scorer, mesh=self._mesh)
        self.scorer = scorer

    def share(self, responses: list[Scored], tokens: int) -> Iterator[tuple[list[Scored], int]]:
        """This process's micro-batches, and by how much each one's loss counts.

        FSDP2 takes the mean of the processes' gradients, the loss asks for their sum: hence the number of processes.

        All processes have to make the same number of passes, because FSDP2 gathers parameters in each: who has fewer
        batches adds some that count 0.
        """
        dealt = [sorted(responses, key=len)[rank :: self.count] for rank in range(self.count)]
        batches = [list(micro_batches(part, tokens)) for part in dealt]
        mine = batches[self._rank]
        yield from ((batch, self.count) for batch in mine)
        for _ in range(max(map(len, batches)) - len(mine)):
            yield [responses[0]], 0

    def join(self, totals: Totals) -> Totals:
        """The totals of all processes together; a process without batches has none of its own."""
        gathered: list[Any] = [None] * self.count
        sums = {key: value.item() for key, value in totals.sums.items()}
        dist.all_gather_object(gathered, (sums, None if totals.ratio_max is None else totals.ratio_max.item()))
        joined = Totals()
        for sums, ratio_max in gathered:
            for key, value in sums.items():
                joined.sums[key] = joined.sums.get(key, torch.zeros((), dtype=torch.float64)) + value
            if ratio_max is not None:
                largest = torch.tensor(ratio_max)
                joined.ratio_max = largest if joined.ratio_max is None else torch.maximum(joined.ratio_max, largest)
        return joined

    def agree(self, decision: bool) -> bool:
        """The first process's decision, in all of them."""
        said = [decision]
        dist.broadcast_object_list(said, src=0)
        return said[0]
