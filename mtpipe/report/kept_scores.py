"""A study's scores in one small file: how many samples of each problem were right, by arm, seed and benchmark.

Evaluations take megabytes and belong to DVC's cache, which is not shipped. This file is small enough for git, so that
whoever has the repository can make a page's intervals again, or by another rule.
"""

import json
from pathlib import Path
from typing import Any

from mtpipe.errors import MtpipeError
from mtpipe.files import read_json, write_text

MOST_SAMPLES = 9
_ROUNDING = 1e-9

BySeed = dict[int, dict[str, float]]
"""The share of correct responses by seed and problem."""

Scores = dict[tuple[str, str], dict[int, BySeed]]
"""The scores by (arm, benchmark), and by the number of rounds before the evaluation."""


def write_scores(path: Path, scores: Scores) -> None:
    """Writes a line for each benchmark, arm, number of rounds and seed: a digit a problem, in the order of `problems`.

    Raises MtpipeError if a problem has more than 9 samples, or if two policies answered other problems.
    """
    benchmarks = sorted({benchmark for _, benchmark in scores})
    write_text(path, json.dumps({name: _kept(scores, name) for name in benchmarks}, indent=1) + "\n")


def write_scores_under(path: Path, name: str, scores: Scores) -> None:
    """Adds a study's scores to those of others in a file, its arms as `name/arm`; an earlier study of that name goes.

    Raises MtpipeError as `write_scores` and `read_scores` do, and if the name has a slash.
    """
    if "/" in name or not name:
        raise MtpipeError(f"a study's name in {path} is to be without a slash; found {name!r}")
    others = read_scores(path) if path.exists() else {}
    kept = {key: found for key, found in others.items() if not key[0].startswith(f"{name}/")}
    write_scores(path, kept | {(f"{name}/{arm}", benchmark): found for (arm, benchmark), found in scores.items()})


def _kept(scores: Scores, benchmark: str) -> dict[str, Any]:
    runs = {
        f"{arm}/{rounds}/{seed}": of_problems
        for (arm, name), by_round in sorted(scores.items())
        if name == benchmark
        for rounds, by_seed in sorted(by_round.items())
        for seed, of_problems in sorted(by_seed.items())
    }
    problems = sorted(next(iter(runs.values())))
    for run, of_problems in runs.items():
        if sorted(of_problems) != problems:
            raise MtpipeError(f"{run} answered other problems of {benchmark} than {next(iter(runs))} did")
    samples = _samples({share for of_problems in runs.values() for share in of_problems.values()}, benchmark)
    right = {
        run: "".join(str(round(samples * of_problems[each])) for each in problems) for run, of_problems in runs.items()
    }
    return {"samples": samples, "problems": " ".join(problems), "right": right}


def _samples(shares: set[float], benchmark: str) -> int:
    """The least number of samples that can have these shares of right ones."""
    for samples in range(1, MOST_SAMPLES + 1):
        if all(abs(samples * share - round(samples * share)) < _ROUNDING for share in shares):
            return samples
    raise MtpipeError(f"{benchmark} has more samples a problem than {MOST_SAMPLES}, which is what a digit holds")


def read_scores(path: Path) -> Scores:
    """What `write_scores` wrote; raises MtpipeError if the file is missing or something else."""
    found: Scores = {}
    try:
        for benchmark, kept in read_json(path).items():
            problems = kept["problems"].split(" ")
            for run, digits in kept["right"].items():
                arm, rounds, seed = run.rsplit("/", 2)
                shares = [int(digit) / kept["samples"] for digit in digits]
                by_seed = found.setdefault((arm, benchmark), {}).setdefault(int(rounds), {})
                by_seed[int(seed)] = dict(zip(problems, shares, strict=True))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MtpipeError(f"{path} holds no scores; `python -m mtpipe scores` writes such files") from error
    return found
