"""The warm start: supervised training on worked answers."""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from mtpipe.errors import MtpipeError
from mtpipe.hub import checkpoint_folder
from mtpipe.learn.scoring.sequences import pad, token_logits
from mtpipe.learn.side_by_side import add_gradients, one_thread_a_core
from mtpipe.learn.state.optimizer import Optimizer
from mtpipe.model.policy import Policy, new_checkpoint
from mtpipe.model.probe import output_head
from mtpipe.settings.model import StartingModel, WarmStart

STRETCH = 16
"""Batches that are sorted by length together."""

_ROWS_A_PART = 32
"""Examples that one core computes at a time."""


def place_checkpoint(folder: Path, model: StartingModel, characters: str | None, max_positions: int) -> None:
    """Puts into a folder what the warm start begins with: a copy of `model.checkpoint`, or a new model."""
    shutil.rmtree(folder, ignore_errors=True)
    if model.checkpoint is None:
        new_checkpoint(folder, model, characters, max_positions)
    else:
        # What `hf download` notes in .cache has times in it, by which the policy would be another one on each machine.
        shutil.copytree(checkpoint_folder(model.checkpoint), folder, ignore=shutil.ignore_patterns(".cache", ".git*"))


def warm_start(
    policy: Policy, examples: list[dict[str, str]], settings: WarmStart, seed: int, progress: tqdm
) -> list[dict[str, float]]:
    """Trains on rows of records.EXAMPLES, in the batches of `length_batches`.

    No other stage can run before this one has ended, so on a CPU it uses all cores, whatever `compute.threads` is.

    Returns the step and the loss (nats a token) of every 20th step and the last.

    Raises MtpipeError if the loss is not finite.
    """
    prompts = policy.encode_all([row["prompt"] for row in examples])
    responses = [[*ids, policy.stop_ids[0]] for ids in policy.encode_all([row["response"] for row in examples])]
    generator = torch.Generator().manual_seed(seed)
    optimizer = Optimizer(policy.model, settings.learning_rate, settings.warmup_steps)
    policy.model.eval()  # as in every update: without dropout
    head = output_head(policy.model)
    lengths = torch.tensor([len(prompt) + len(response) for prompt, response in zip(prompts, responses, strict=True)])
    batches = length_batches(lengths, settings.batch_size, generator)
    curve = []
    rows = _ROWS_A_PART if policy.device.type == "cpu" else settings.batch_size
    parameters = [parameter for parameter in policy.model.parameters() if parameter.requires_grad]
    with one_thread_a_core(policy.device) as threads:
        for step in range(settings.steps):
            batch = next(batches)
            tokens = sum(len(responses[i]) for i in batch)

            def share_of_loss(part: list[int], tokens: int = tokens) -> Tensor:
                sequences = pad([prompts[i] for i in part], [responses[i] for i in part], policy.device)
                return cross_entropy(token_logits(head, sequences), sequences.targets, reduction="sum") / tokens

            parts = [batch[start : start + rows] for start in range(0, len(batch), rows)]
            loss = add_gradients(parameters, share_of_loss, parts, threads)
            if not math.isfinite(loss):
                raise MtpipeError(f"warm start, step {step}: the loss is {loss}; lower warm_start.learning_rate")
            optimizer.clip()
            optimizer.step()
            if step % 20 == 19 or step + 1 == settings.steps:
                curve.append({"step": step + 1, "loss": loss})
                progress.set_postfix(loss=f"{loss:.3f}", refresh=False)
            progress.update()
    return curve


def length_batches(lengths: torch.Tensor, size: int, generator: torch.Generator) -> Iterator[list[int]]:
    """Endless batches of indices of `lengths` (int [examples]): each index once an epoch, whose last batch is shorter.

    A stretch of `STRETCH` batches is drawn at random, sorted by length and cut into batches that come in random order,
    so that examples of one batch have similar lengths and need little padding.
    """
    while True:
        for stretch in torch.randperm(len(lengths), generator=generator).split(STRETCH * size):
            batches = stretch[lengths[stretch].argsort(stable=True)].split(size)
            for index in torch.randperm(len(batches), generator=generator).tolist():
                yield batches[index].tolist()
