"""An update shared by several processes: parameters, gradients and optimizer state by FSDP2, micro-batches by rank.

Every token's weight in the loss is fixed before the step is shared (`mtpipe.learn.batching.steps`), so the gradient
is a plain sum and does not depend on who computes which part: any number of processes serves any batch.
"""

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.utils import _pytree
from transformers import PreTrainedModel

from mtpipe.errors import MtpipeError
from mtpipe.learn.batching.micro_batches import PromptBatch, prompt_batches, responses_by_prompt
from mtpipe.learn.batching.steps import TrainingSample
from mtpipe.learn.losses.step_metrics import StepMetrics
from mtpipe.learn.scoring.chunked_head import TokenScores
from mtpipe.learn.scoring.scorer import Scorer

# FSDP2 finds the tensors that a forward pass returns by walking its result, and needs to know this one.
_pytree.register_dataclass(TokenScores)


T = TypeVar("T")


class Ranks:
    """The processes that share one update, seen from one of them: here one process, which shares with none.

    Attributes:
        count: processes.
        first: whether this is the process that writes and reports.
    """

    count = 1
    first = True

    def divide(self, model: PreTrainedModel) -> Scorer:
        """The scorer that the update uses; with several processes it divides the model's parameters among them."""
        return Scorer(model)

    def prompt_batches(
        self, responses: list[TrainingSample], tokens: int, share_prompts: bool
    ) -> Iterable[PromptBatch]:
        """This process's micro-batches; with `share_prompts` it has all responses to each of its prompts."""
        return prompt_batches(responses, tokens, share_prompts)

    def join(self, metrics: StepMetrics) -> StepMetrics:
        """The sums of all processes together."""
        return metrics

    def agree(self, decision: bool) -> bool:
        """The first process's decision, in all of them."""
        return decision

    def gather(self, value: T) -> list[T]:
        """What all processes have, in each of them."""
        return [value]


ALONE = Ranks()


class SharedRanks(Ranks):
    """Several processes, each with a part of the parameters, their gradients and the optimizer's state (FSDP2)."""

    def __init__(self, device: str):
        self.count = dist.get_world_size()
        self.first = dist.get_rank() == 0
        self._rank = dist.get_rank()
        self._mesh = init_device_mesh(device, (self.count,))

    def divide(self, model: PreTrainedModel) -> Scorer:
        """Divides the parameters of each layer, and of what is left, among the processes, in place.

        The scorer that it returns scores with them. A model on the CPU moves to the processes' devices by layers, so no
        device ever holds all of it.

        Raises MtpipeError for a model without a list of layers.
        """
        scorer = Scorer(model)
        layers = getattr(scorer.head.body, "layers", None)
        if layers is None:
            raise MtpipeError(
                f"{type(scorer.model).__name__} has no list of layers to divide; set update.processes to 1"
            )
        for layer in layers:
            fully_shard(layer, mesh=self._mesh)
        fully_shard(scorer, mesh=self._mesh)
        register_fsdp_forward_method(scorer, "read")
        return scorer

    def prompt_batches(
        self, responses: list[TrainingSample], tokens: int, share_prompts: bool
    ) -> Iterator[PromptBatch]:
        """This process's micro-batches.

        FSDP2 takes the mean of the processes' gradients, the loss asks for their sum: hence a factor, which is the
        number of processes.

        FSDP2 gathers parameters in every forward pass, so all ranks must run the same number of passes: a rank with
        fewer micro-batches runs extra ones with loss factor 0.
        """
        plans = [prompt_batches(part, tokens, share_prompts) for part in self._dealt(responses, share_prompts)]
        empty = PromptBatch([], [responses[0].rollout.prompt_ids] if share_prompts else [])
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

    def join(self, metrics: StepMetrics) -> StepMetrics:
        """A process without batches has no sums of its own."""
        gathered: list[Any] = [None] * self.count
        sums = {key: value.item() for key, value in metrics.sums.items()}
        dist.all_gather_object(gathered, (sums, None if metrics.ratio_max is None else metrics.ratio_max.item()))
        joined = StepMetrics()
        for sums, ratio_max in gathered:
            for key, value in sums.items():
                joined.sums[key] = joined.sums.get(key, torch.zeros((), dtype=torch.float64)) + value
            if ratio_max is not None:
                largest = torch.tensor(ratio_max)
                joined.ratio_max = largest if joined.ratio_max is None else torch.maximum(joined.ratio_max, largest)
        return joined

    def agree(self, decision: bool) -> bool:
        said = [decision]
        dist.broadcast_object_list(said, src=0)
        return said[0]

    def gather(self, value: T) -> list[T]:
        gathered: list[Any] = [None] * self.count
        dist.all_gather_object(gathered, value)
        return gathered
