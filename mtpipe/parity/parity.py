"""Responses that an engine samples and the update scores: how far their log-probs differ, and whether too far."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from mtpipe import paths
from mtpipe.learn.batching.steps import TrainingSample
from mtpipe.learn.distributed.ranks import ALONE
from mtpipe.learn.objective import flatten
from mtpipe.learn.rollout_checks import RecordedLogprobs, check_tokens
from mtpipe.learn.scoring.scorer import PRECISIONS, Scorer
from mtpipe.learn.scoring.shared_prompts import laid_out
from mtpipe.model.adapter_policy import new_adapter
from mtpipe.model.policy import Vocabulary, load_policy
from mtpipe.params import Params
from mtpipe.records import Rollout
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.opening import open_engine
from mtpipe.sampling.rounds import stop_strings
from mtpipe.settings.model import Lora
from mtpipe.settings.update import Update
from mtpipe.temperature.rules.uniform import ResolvedUniform
from mtpipe.text_table import aligned


@dataclass(frozen=True)
class Parity:
    """The differences (`mtpipe.learn.scoring.mismatch_table`), and why the two cannot train together, or ""."""

    table: list[dict[str, Any]]
    fault: str


@contextmanager
def policy_to_try(folder: Path | None, lora: Lora | None) -> Iterator[Path]:
    """A given policy, else what the first round samples from: the warm start, under a new adapter if one is trained."""
    warm_start = paths.WARM_START / "policy"
    if folder is not None or lora is None:
        yield folder or warm_start
    else:
        with TemporaryDirectory() as place:
            new_adapter(warm_start, Path(place) / "round0", lora, seed=0)
            yield Path(place) / "round0"


def parity_requests(
    problems: list[dict[str, Any]], vocabulary: Vocabulary, temperatures: list[float]
) -> Iterator[Request]:
    """A response to each problem at each temperature."""
    for problem in problems:
        ids = vocabulary.encode(problem["prompt"])
        for sample, temperature in enumerate(temperatures):
            yield Request(problem["problem_id"], sample, ids, temperature, ResolvedUniform(temperature=temperature))


def sample_once(
    name: str, requests: list[Request], problems: list[dict[str, Any]], folder: Path, params: Params
) -> list[Rollout]:
    """Responses of the policy in a folder from the engine of params.yaml, by random numbers of this name."""
    sampling = params.sampling
    plan = SamplingPlan(0, name, sampling.max_new_tokens, sampling.batch_size, stop=stop_strings(problems))
    with open_engine(folder, sampling, params.compute, params.ray) as engine:
        return list(engine.sample(requests, plan))


@torch.no_grad()
def compare(rollouts: list[Rollout], folder: Path, settings: Update, device: torch.device, tolerance: float) -> Parity:
    """Scores rollouts with the policy in a folder as an update with these settings does.

    Raises MtpipeError for tokens that the policy does not have, and for log-probs that are not finite.
    """
    policy = load_policy(folder, device)
    samples = [TrainingSample(rollout, advantage=0.0) for rollout in rollouts]
    check_tokens(samples, policy.model.config.get_text_config().vocab_size)
    scorer, recorded = Scorer(policy.model), RecordedLogprobs(samples)
    for batch, sequences in laid_out(scorer, samples, settings):
        tokens = flatten(batch, sequences.response_index)
        recorded.add(
            scorer(sequences, tokens.temperatures, PRECISIONS[settings.precision], tokens.masks), tokens, batch
        )
    return Parity(*recorded.verdict(ALONE, tolerance))


def described(parity: Parity, tolerance: float) -> str:
    """The table, and a sentence that says whether the two can train together."""
    header = ["tokens by", "", "tokens", "mean", "99.9 %", "largest", "k3"]
    rows = [
        [
            row["by"],
            span(row),
            f"{row['tokens']:,}",
            *(f"{row[key]:.2g}" for key in ("mean", "quantile", "largest", "k3")),
        ]
        for row in parity.table
    ]
    whole = parity.table[0]
    said = f"They can train together: {whole['mean']:.2g} nats a token in the mean over {whole['tokens']:,} tokens"
    said += f", and {tolerance:g} are allowed; their temperatures are aligned."
    if parity.fault:
        said = f"They cannot train together: {parity.fault}."
    opening = "|log-prob of the update - log-prob of the engine|, nats a token; k3 estimates KL(engine, update)"
    return "\n".join([opening, "", *aligned([header, *rows], right=range(2, 7)), "", said])


def span(row: dict[str, Any]) -> str:
    """A row's group: a temperature, or a range of temperatures or of nats."""
    match row["by"], row["low"], row["high"]:
        case "all", _, _:
            return ""
        case "entropy", low, high:
            return f"{low:g} nats and more" if high is None else f"{low:g} to {high:g} nats"
        case _, low, high:
            return f"T {low:g}" if low == high else f"T {low:.3g} to {high:.3g}"
