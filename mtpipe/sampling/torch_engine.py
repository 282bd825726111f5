"""The embedded sampling engine: batched, with a KV cache, on any transformers causal language model."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtpipe.model.context import ModelContext
from mtpipe.model.policy import Policy, Vocabulary, load_policy
from mtpipe.records import Rollout
from mtpipe.sampling.drawing.draw import draw_tokens
from mtpipe.sampling.drawing.evenly import Exploring
from mtpipe.sampling.drawing.line_ends import line_ends
from mtpipe.sampling.drawing.randomness import rule_uniforms, token_uniforms
from mtpipe.sampling.drawing.requests import Request, SamplingPlan, by_length, even_from, of_one_length
from mtpipe.sampling.stop_strings import StopStrings
from mtpipe.temperature.apply import RowTemperatures, RuleContext
from mtpipe.temperature.masks import Masks

_DROP_BELOW = 0.85
"""Finished rows are dropped once the unfinished ones are a smaller share than this; dropping copies the cache."""


class TorchEngine:
    """A policy in this process, as a sampling engine (`mtpipe.sampling.engine.Engine`)."""

    def __init__(self, policy: Policy):
        self.vocabulary: Vocabulary = policy
        self._policy = policy

    @classmethod
    def open(cls, folder: Path, device: torch.device, dtype: torch.dtype = torch.float32) -> "TorchEngine":
        """Loads the policy in a folder, with weights of type `dtype`.

        Raises MtpipeError for a model that cannot be sampled here.
        """
        return cls(load_policy(folder, device, dtype, sampled=True))

    def load(self, folder: Path) -> None:
        """Goes on with the policy in another folder."""
        self._policy = self.vocabulary = load_policy(
            folder, self._policy.device, self._policy.model.dtype, sampled=True
        )

    def sample(self, requests: Sequence[Request], plan: SamplingPlan) -> Iterator[Rollout]:
        """Samples one response to each request."""
        return sample(self._policy, requests, plan)

    def turns(self, requests: Sequence[Request], plan: SamplingPlan) -> Iterator[list[Rollout]]:
        """The same, as a resident engine takes it."""
        for rollout in self.sample(requests, plan):
            yield [rollout]

    def rest(self) -> bool:
        """Between stages nothing but the policy is held, and it stays loaded."""
        return True

    def close(self) -> None:
        """Nothing outlives the object."""


def sample(policy: Policy, requests: Sequence[Request], plan: SamplingPlan) -> Iterator[Rollout]:
    """Samples one response to each request, yielding them batch by batch, in the order of their prompts' lengths."""
    vocabulary: int = policy.model.config.get_text_config().vocab_size
    rule_context = RuleContext(line_ends(policy.tokenizer, vocabulary, policy.device))
    stops = StopStrings.of(policy.tokenizer, plan.stop, vocabulary, policy.device) if plan.stop else None
    for batch in by_length(requests, plan.batch_size):
        for part in [batch] if policy.reads_padding else of_one_length(batch):
            yield from _sample_batch(policy, part, plan, stops, rule_context)


@torch.inference_mode()
def _sample_batch(
    policy: Policy,
    requests: Sequence[Request],
    plan: SamplingPlan,
    stops: StopStrings | None,
    rule_context: RuleContext,
) -> list[Rollout]:
    count, steps, device = len(requests), plan.max_new_tokens, policy.device
    tokens = torch.zeros(count, steps, dtype=torch.long, device=device)
    logprobs, temperatures, entropies = (torch.zeros(count, steps, device=device) for _ in range(3))
    uniforms = _uniforms(token_uniforms, requests, plan, device)
    stop_ids = torch.tensor(policy.stop_ids, device=device)
    lengths = torch.full((count,), steps, device=device)
    stopped = torch.zeros(count, dtype=torch.bool, device=device)

    rows = torch.arange(count, device=device)  # the requests that are still in the batch
    rules = RowTemperatures([request.rule for request in requests], device, rule_context)
    of_rules = _uniforms(rule_uniforms, requests, plan, device) if rules.random else None
    explores = torch.tensor([request.explores for request in requests], device=device)
    masks: list[tuple[Tensor, Masks]] = []
    context = _read_prompts(policy, requests)
    for step in range(steps):
        positions, previous = torch.full_like(rows, step), tokens[rows, max(step - 1, 0)]
        drawn = draw_tokens(
            context.logits,
            rules,
            positions,
            previous,
            uniforms[rows, step],
            plan.truncation,
            plan.record_masks,
            None if of_rules is None else of_rules[rows, step],
            Exploring(explores[rows], plan.mixed_cuts) if plan.mixed_cuts else None,
        )
        tokens[rows, step], logprobs[rows, step] = drawn.tokens, drawn.logprobs
        temperatures[rows, step], entropies[rows, step] = drawn.temperatures, drawn.entropies
        if drawn.masks is not None:
            masks.append((rows, drawn.masks))
        ends = torch.isin(drawn.tokens, stop_ids)
        if stops is not None:
            ends |= stops.ended(tokens, rows, step)
        first_end = ends & ~stopped[rows]
        lengths[rows[first_end]] = step + 1
        stopped[rows[first_end]] = True
        going = ~stopped[rows]
        if step + 1 == steps or not going.any():
            break
        if going.float().mean() < (1.0 if rules.batch_dependent else _DROP_BELOW):
            kept = going.nonzero().squeeze(1)
            rows, rules, last = rows[kept], rules.keep(kept), drawn.tokens[kept]
            context.keep(kept)
        else:
            last = drawn.tokens
        context.append(last)
    responses = _responses(requests, plan, tokens, logprobs, temperatures, entropies, lengths, stopped)
    for at, of_step in masks:
        for index, size, ids in zip(at.tolist(), *of_step.lists(), strict=True):
            cut = plan.mixed_cuts is None or requests[index].explores
            if cut and len(responses[index].mask_sizes) < len(responses[index].response_ids):
                responses[index].mask_sizes.append(size)
                responses[index].mask_ids += ids
    return responses


def _uniforms(
    numbers: Callable[..., NDArray[np.float64]],
    requests: Sequence[Request],
    plan: SamplingPlan,
    device: torch.device,
) -> Tensor:
    """The random numbers [requests, max_new_tokens] that a function of the responses' identities gives."""
    of_responses = [
        numbers(plan.seed, plan.purpose, request.problem_id, request.sample, plan.max_new_tokens)
        for request in requests
    ]
    return torch.from_numpy(np.stack(of_responses)).to(device)


def _read_prompts(policy: Policy, requests: Sequence[Request]) -> ModelContext:
    """Reads each distinct prompt once and shares it among the responses that start from it."""
    prompts = list(dict.fromkeys(tuple(request.prompt_ids) for request in requests))
    context = ModelContext(policy.model, prompts)
    if len(prompts) < len(requests):
        index = {prompt: number for number, prompt in enumerate(prompts)}
        context.keep(torch.tensor([index[tuple(request.prompt_ids)] for request in requests], device=policy.device))
    return context


def _responses(
    requests: Sequence[Request],
    plan: SamplingPlan,
    tokens: Tensor,
    logprobs: Tensor,
    temperatures: Tensor,
    entropies: Tensor,
    lengths: Tensor,
    stopped: Tensor,
) -> list[Rollout]:
    columns = [column.cpu().tolist() for column in (tokens, logprobs, temperatures, entropies, lengths, stopped)]
    return [
        Rollout(
            problem_id=request.problem_id,
            sample=request.sample,
            prompt_ids=request.prompt_ids,
            base_temperature=request.base,
            response_ids=token[:length],
            behaviour_logprobs=logprob[:length],
            temperatures=temperature[:length],
            entropies=entropy[:length],
            finish_reason="stop" if stop else "length",
            even_from=even_from(request, plan),
        )
        for request, token, logprob, temperature, entropy, length, stop in zip(requests, *columns, strict=True)
    ]
