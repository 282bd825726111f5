"""The policy update of one round: a step per `prompts_per_step` groups, each over micro-batches of its tokens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from mtpipe.errors import MtpipeError
from mtpipe.learn.batching.steps import OptimizerStep, TrainingSample
from mtpipe.learn.losses.entropy_bonus import Coefficient
from mtpipe.learn.losses.step_metrics import StepMetrics
from mtpipe.learn.objective import MicroBatch, flatten, policy_loss, replay_even
from mtpipe.learn.rollout_checks import RecordedLogprobs, check_tokens, corrected_table
from mtpipe.learn.scoring.chunked_head import TokenScores
from mtpipe.learn.scoring.recomputed_layers import recompute_layers
from mtpipe.learn.scoring.scorer import PRECISIONS, Scorer
from mtpipe.learn.scoring.sequences import Sequences
from mtpipe.learn.scoring.shared_prompts import laid_out, lay_out, read_prompts, shares_prompts
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.state.resume import ResumePoint
from mtpipe.progress import gpu_memory
from mtpipe.settings.mismatch import corrects
from mtpipe.settings.update import Update

_Scored = Callable[[TokenScores, MicroBatch, Update], dict[str, Tensor]]
"""From the scores of a micro-batch to lists of `TrainingSample`, by name."""


def update_policy(
    learner: Learner,
    steps: list[OptimizerStep],
    progress: tqdm,
    resume_point: ResumePoint | None = None,
    after_step: Callable[[int, dict[str, Any]], None] = lambda step, metrics: None,
) -> list[dict[str, Any]]:
    """Takes the steps and returns the metrics of each, in order; a step without responses is skipped.

    The first step taken has a table, `mismatch`, of how far the recorded log-probs lie from the update's own
    (`mtpipe.learn.scoring.mismatch_table`): of the whole round where they are computed beforehand, else of the step.

    Args:
        progress: counts groups.
        resume_point: where a killed update left its last step and this one leaves its own.
        after_step: called with each step's number in the round, from 1, and its metrics but for the table.

    Raises MtpipeError if the policy's log-probs do not match the rollouts' before the first step, if a loss or gradient
    is not finite, or if memory does not suffice.
    """
    settings, model = learner.settings, learner.policy.model
    for step in steps:
        check_tokens(step.responses, model.config.get_text_config().vocab_size)
    with _memory(settings):
        if settings.needs_round_start:
            steps = [_scored_beforehand(step, learner.scorer, settings, _round_start) for step in steps]
        if settings.kl_coefficient:
            with learner.reference_scorer() as reference:
                steps = [_scored_beforehand(step, reference, settings, _of_reference) for step in steps]
        if settings.gradient_checkpointing:
            recompute_layers(model)
        model.eval()  # a ratio is between what was sampled and what is trained, and dropout would be part of it
        beforehand = corrected_table(steps, settings) if corrects(settings.mismatch) else []
        metrics = resume_point.resume(learner) if resume_point else []
        progress.update(sum(step.groups for step in steps[: len(metrics)]))
        for step in steps[len(metrics) :]:
            taken = {}
            if step.responses:
                checked = any("loss" in earlier for earlier in metrics)
                coefficient = coefficient_after(metrics, settings, learner.coefficient)
                taken = take_step(learner, step.responses, not checked, coefficient.used)
                if beforehand and not checked:
                    taken["mismatch"] = beforehand
            metrics.append(step.described | taken)
            if resume_point:
                resume_point.save(learner, metrics)
            after_step(len(metrics), {key: value for key, value in metrics[-1].items() if key != "mismatch"})
            progress.set_postfix_str(gpu_memory(), refresh=False)
            progress.update(step.groups)
    return metrics


def take_step(
    learner: Learner, responses: list[TrainingSample], check: bool, entropy_coefficient: float = 0.0
) -> dict[str, Any]:
    """One optimizer step and its metrics.

    With `check` the recorded log-probs are held against the policy's before any weight changes; the metrics then have
    the differences as a table, `mismatch`.
    """
    settings, scorer, ranks = learner.settings, learner.scorer, learner.ranks
    metrics, recorded = StepMetrics(), RecordedLogprobs(responses) if check else None
    share_prompts = shares_prompts(scorer, responses, settings, ranks.count)
    for prompt_batch in ranks.prompt_batches(responses, settings.tokens_per_micro_batch, share_prompts):
        prompts = read_prompts(scorer, prompt_batch, settings)
        for batch, scale in prompt_batch.batches:
            sequences = lay_out(batch, prompts, scorer.model.device)
            loss, logged = micro_batch_loss(
                scorer, batch, sequences, settings, entropy_coefficient, recorded if scale else None
            )
            if not torch.isfinite(loss):
                raise MtpipeError(
                    f"the loss is {loss.item()} in the batch of {_named(batch)}; "
                    f"the round stops here, its inputs are kept"
                )
            (loss * scale).backward()
            if scale:
                metrics.add(loss, logged)
        if prompts:
            prompts.backward()
    table = {"mismatch": recorded.check(ranks, settings.tolerance)} if recorded else {}
    metrics = ranks.join(metrics)
    norm = learner.optimizer.clip()
    if not torch.isfinite(torch.tensor(norm)):
        raise MtpipeError(
            f"the gradient norm is {norm} in the batch of {_named(responses)}; "
            f"the round stops here, its inputs are kept"
        )
    learner.optimizer.step()
    bonus = {"entropy_coefficient": entropy_coefficient} if settings.entropy_bonus else {}
    return {**metrics.described(), "grad_norm": norm, **bonus, **table}


def coefficient_after(metrics: list[dict[str, float]], settings: Update, start: Coefficient) -> Coefficient:
    """The entropy bonus's coefficient after the steps that `metrics` has; the start where there is no bonus."""
    measured = "entropy_tempered" if settings.target == "tempered" else "entropy"
    for taken in metrics:
        if settings.entropy_bonus and "loss" in taken:
            start = start.after(taken[measured], settings.entropy_bonus)
    return start


def micro_batch_loss(
    scorer: Scorer,
    batch: list[TrainingSample],
    sequences: Sequences,
    settings: Update,
    entropy_coefficient: float = 0.0,
    recorded: RecordedLogprobs | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """A micro-batch's share of the step's loss, and what is logged of its tokens; `sequences` is the batch laid out."""
    tokens = flatten(batch, sequences.response_index)
    scores = _score(scorer, sequences, tokens, settings, entropy_coefficient > 0)
    if recorded is not None:
        recorded.add(scores, tokens, batch)
    return policy_loss(scores, tokens, settings, entropy_coefficient)


def _score(
    scorer: Scorer, sequences: Sequences, tokens: MicroBatch, settings: Update, with_entropy: bool = False
) -> TokenScores:
    precision = PRECISIONS[settings.precision]
    return replay_even(scorer(sequences, tokens.temperatures, precision, tokens.masks, with_entropy), tokens)


@torch.no_grad()
def _scored_beforehand(step: OptimizerStep, scorer: Scorer, settings: Update, of: _Scored) -> OptimizerStep:
    """The step with what `of` takes from the scores that a scorer's present weights give its tokens."""
    found: dict[int, TrainingSample] = {}
    for batch, sequences in laid_out(scorer, step.responses, settings):
        tokens = flatten(batch, sequences.response_index)
        scores = _score(scorer, sequences, tokens, settings)
        lengths = [len(one.rollout.response_ids) for one in batch]
        parts = {name: values.split(lengths) for name, values in of(scores, tokens, settings).items()}
        for index, one in enumerate(batch):
            found[id(one)] = replace(one, **{name: part[index].tolist() for name, part in parts.items()})
    return replace(step, responses=[found[id(one)] for one in step.responses])


def _round_start(scores: TokenScores, tokens: MicroBatch, settings: Update) -> dict[str, Tensor]:
    """The log-probs that ratios divide by, and how far the update's own lie from the engine's."""
    found = {"log_mismatch": scores.tempered - tokens.behaviour_logprobs}
    if settings.ratio_to_round_start:
        found["round_start_logprobs"] = scores.tempered if settings.target == "tempered" else scores.untempered
    return found


def _of_reference(scores: TokenScores, tokens: MicroBatch, settings: Update) -> dict[str, Tensor]:
    """At the target's temperatures, so that both sides of the KL are."""
    return {"reference_logprobs": scores.tempered if settings.target == "tempered" else scores.untempered}


@contextmanager
def _memory(settings: Update) -> Iterator[None]:
    """Names the settings to lower where memory ran out."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        refused = isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in str(error)
        if not refused:
            raise
        checkpointing = "" if settings.gradient_checkpointing else ", or set update.gradient_checkpointing to true"
        raise MtpipeError(
            f"out of memory in the update: lower update.tokens_per_micro_batch "
            f"(now {settings.tokens_per_micro_batch}){checkpointing}; nothing was changed. ({error})"
        ) from error


def _named(batch: list[TrainingSample]) -> str:
    problems = sorted({response.rollout.problem_id for response in batch})
    return f"problems {', '.join(problems[:5])}" + (f" and {len(problems) - 5} more" if len(problems) > 5 else "")
