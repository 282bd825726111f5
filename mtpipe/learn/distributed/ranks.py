"""An update shared by several processes: parameters, gradients and optimizer state by FSDP2, micro-batches by rank.

Every token's weight in the loss is fixed before the step is shared (`mtpipe.learn.batching.steps`), so the gradient
is a plain sum and does not depend on who computes which part: any number of processes serves any batch.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.utils import _pytree
from transformers import PreTrainedModel

from mtpipe.errors import MtpipeError
from mtpipe.learn.batching.micro_batches import PromptBatch, prompt_batches, responses_by_prompt
from mtpipe.learn.batching.steps import TrainingSample
from mtpipe.learn.scoring.chunked_head import TokenScores
from mtpipe.learn.scoring.scorer import Scorer
from mtpipe.learn.step_metrics import StepMetrics

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
        register_fsdp_forward_method(scorer, "read")
        self.scorer = scorer

    def prompt_batches(
        self, responses: list[TrainingSample], tokens: int, share_prompts: bool
    ) -> Iterator[PromptBatch]:
        """This process's micro-batches; with `share_prompts` it has all responses to each of its prompts.

        FSDP2 takes the mean of the processes' gradients, the loss asks for their sum: hence a factor, which is the
        number of processes.

        FSDP2 gathers parameters in every forward pass, so all ranks must run the same number of passes: a rank with
        fewer micro-batches runs extra ones with loss factor 0.
        """
        plans = [prompt_batches(part, tokens, share_prompts) for part in self._dealt(responses, share_prompts)]
        empty = PromptBatch([], [responses[0].prompt_ids] if share_prompts else [])
        for together in zip_longest(*plans, fillvalue=empty):
            mine = together[self._rank]
            counted = [(batch, self.count) for batch, _ in mine.batches]
            spare = mine.batches[0][0][:1] if mine.batches else responses[:1]
            missing = max(len(prompt_batch.batches) for prompt_batch in together) - len(counted)
            yield PromptBatch(counted + [(spare, 0)] * missing, mine.prompts)

    def _dealt(self, responses: list[TrainingSample], share_prompts: bool) -> list[list[TrainingSample]]:
        """Each process's responses: as many tokens of each length, or whole groups, of as many tokens as can be."""
        if not share_prompts:
            return [sorted(responses, key=len)[rank :: self.count] for rank in range(self.count)]
        parts: list[list[TrainingSample]] = [[] for _ in range(self.count)]
        for group in sorted(responses_by_prompt(responses).values(), key=lambda group: -sum(map(len, group))):
            min(parts, key=lambda part: sum(map(len, part))).extend(group)
        return parts

    def join(self, totals: StepMetrics) -> StepMetrics:
        """The totals of all processes together; a process without batches has none of its own."""
        gathered: list[Any] = [None] * self.count
        sums = {key: value.item() for key, value in totals.sums.items()}
        dist.all_gather_object(gathered, (sums, None if totals.ratio_max is None else totals.ratio_max.item()))
        joined = StepMetrics()
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
