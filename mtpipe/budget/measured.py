"""Lengths and throughputs of the rounds that have run, from the files they left."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from mtpipe import paths
from mtpipe.budget.costs import Throughput
from mtpipe.params import Params


def _finished_rounds(params: Params) -> list[tuple[str, int, int]]:
    return [
        (arm, seed, round.n)
        for arm in params.arms
        for seed in params.seeds
        for round in params.rounds
        if paths.round_metrics(arm, seed, round.n).is_file()
    ]


def measured_prompt_length(params: Params) -> float | None:
    """Mean prompt tokens of the first round with rollouts."""
    for arm, seed, round in _finished_rounds(params):
        if (file := paths.rollouts(arm, seed, round)).is_file():
            prompts = pq.read_table(file, columns=["prompt_ids"])["prompt_ids"].to_pylist()
            return sum(map(len, prompts)) / len(prompts)
    return None


def measured_response_length(params: Params) -> float | None:
    """Mean response tokens of all finished rounds."""
    rounds = [_round_metrics(*each) for each in _finished_rounds(params)]
    responses = sum(round["responses"] for round in rounds)
    return sum(round["tokens"] for round in rounds) / responses if responses else None


def expected_draws(params: Params) -> tuple[float, str]:
    """How many times `sampling.prompts` problems a round draws in the mean, and how a round's responses come about."""
    size, refill = "sampling.prompts x sampling.group_size", params.sampling.refill
    if refill is None:
        return 1.0, size
    rounds = [_round_metrics(*each) for each in _finished_rounds(params)]
    if not rounds:
        return float(refill.at_most), f"{size} x sampling.refill.at_most, the most there can be"
    asked = len(rounds) * params.sampling.prompts * params.sampling.group_size
    draws = sum(round["responses"] for round in rounds) / asked
    return draws, f"{size}, drawn {draws:.2f} times as measured"


def measured_throughput(params: Params) -> Throughput:
    """Response tokens per second over the finished rounds whose clock is here; start-up counts, as it will again.

    But for that of vLLM, which starts once a chain: the rate of a first round alone is too low for those after it.
    """
    rounds = _finished_rounds(params)
    warm_start = _seconds("warm_start")
    return Throughput(_rate("rollout", rounds), _rate("update", rounds), warm_start)


def _rate(stage: str, rounds: list[tuple[str, int, int]]) -> float | None:
    tokens = seconds = 0.0
    for arm, seed, round in rounds:
        if taken := _seconds(f"{stage}-{arm}-{seed}-{round}"):
            tokens += _round_metrics(arm, seed, round)["tokens"]
            seconds += taken
    return tokens / seconds if seconds else None


def _round_metrics(arm: str, seed: int, round: int) -> dict[str, float]:
    return json.loads(paths.round_metrics(arm, seed, round).read_text())["round"]


def _seconds(name: str) -> float | None:
    file: Path = paths.CLOCK / f"{name}.json"
    return json.loads(file.read_text())["seconds"] if file.is_file() else None
