"""The warm start: supervised training on worked answers."""

import torch
from tqdm import tqdm

from mtpipe.errors import MtpipeError
from mtpipe.learn.optimizer import Optimizer
from mtpipe.learn.token_logprobs import pad, token_logits
from mtpipe.params import WarmStart
from mtpipe.policy import Policy


def warm_start(
    policy: Policy, examples: list[dict[str, str]], settings: WarmStart, seed: int, progress: tqdm
) -> list[dict[str, float]]:
    """Trains on rows of records.EXAMPLES, epoch after epoch in a new order.

    Returns the step and the loss (nats a token) of every 20th step and the last.

    Raises MtpipeError where the loss is not finite.
    """
    prompts = [policy.encode(row["prompt"]) for row in examples]
    responses = [[*policy.encode(row["response"]), policy.stop_ids[0]] for row in examples]
    generator = torch.Generator().manual_seed(seed)
    optimizer = Optimizer(policy.model, settings.learning_rate, settings.warmup_steps)
    policy.model.train()
    order: list[int] = []
    curve = []
    for step in range(settings.steps):
        while len(order) < settings.batch_size:
            order += torch.randperm(len(examples), generator=generator).tolist()
        batch, order = order[: settings.batch_size], order[settings.batch_size :]
        sequences = pad([prompts[i] for i in batch], [responses[i] for i in batch], policy.device)
        loss = torch.nn.functional.cross_entropy(token_logits(policy.model, sequences), sequences.targets)
        if not torch.isfinite(loss):
            raise MtpipeError(f"warm start, step {step}: the loss is {loss.item()}; lower sft.learning_rate")
        loss.backward()
        optimizer.clip()
        optimizer.step()
        if step % 20 == 19 or step + 1 == settings.steps:
            curve.append({"step": step + 1, "loss": loss.item()})
            progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        progress.update()
    return curve
