"""The study's numbers: every policy's scores on every benchmark, and the paired differences with their tests."""

from dataclasses import dataclass, replace
from statistics import stdev

import numpy as np
from numpy.typing import NDArray

from mtpipe.evaluate.judged import Judged
from mtpipe.report.collect import Study
from mtpipe.report.differences import Difference, judge_differences
from mtpipe.report.equal_tokens import difference_at_equal_tokens
from mtpipe.statistics.intervals import Estimate, estimate_means
from mtpipe.statistics.pass_at_k import mean_pass_curve, pass_table

WARM_START = "warm start"
_ALL_K_UP_TO = 8
_DIFFERENCES = ("minus", "minus after", "equal tokens")

Tables = dict[tuple[object, ...], NDArray[np.float64]]
"""Values by seed and problem, [seeds, problems]; the warm start is one policy, so it has one row."""


@dataclass(frozen=True)
class Score:
    """One policy on one benchmark, its seeds together; values are shares of 1, `length` is in tokens.

    `curve` has pass@k for k = 1 … samples. `majority` is maj@samples, None if answers have no canonical form.
    `between_seeds` is the standard deviation of `by_seed`, None with one seed. `at_equal_tokens` is the difference to
    the baseline when both have sampled as many tokens (`mtpipe.report.equal_tokens`).
    """

    samples: int
    avg: Estimate
    passes: dict[int, Estimate]
    curve: list[float]
    majority: Estimate | None
    length: float
    overlong: float
    by_seed: dict[int, float]
    between_seeds: float | None
    minus_baseline: Difference | None
    minus_warm_start: Estimate | None
    at_equal_tokens: Estimate | None


@dataclass(frozen=True)
class Comparison:
    """Scores by benchmark, for the warm start and by arm for each arm's last policy.

    `history` has avg@k by arm, benchmark and number of rounds, where 0 is the warm start; `lead` the paired difference
    to the baseline likewise, from the first evaluated policy on and without the baseline; `sweep` avg@k by arm,
    benchmark and evaluation temperature, the benchmark's own among them, and is empty without a sweep.
    """

    warm_start: dict[str, Score]
    arms: dict[str, dict[str, Score]]
    history: dict[str, dict[str, dict[int, Estimate]]]
    lead: dict[str, dict[str, dict[int, Estimate]]]
    sweep: dict[str, dict[str, dict[float, Estimate]]]


def shown_k(samples: int) -> list[int]:
    """The k of pass@k that have an interval: all of them up to 8 samples, else the powers of 2 and the last."""
    if samples <= _ALL_K_UP_TO:
        return list(range(1, samples + 1))
    return [*(2**power for power in range(samples.bit_length()) if 2**power < samples), samples]


def compare(study: Study) -> Comparison:
    """Works out the comparison."""
    found = {benchmark: _Benchmark(study, benchmark) for benchmark in study.benchmarks}
    arms = study.params.arms
    pairs = {(arm, name): table for name, one in found.items() for arm, table in one.differences().items()}
    baseline = study.params.report.baseline
    estimates = {(arm, name): found[name].estimates["minus", arm, baseline] for arm, name in pairs}
    differences = judge_differences(pairs, estimates, study.params.report)
    return Comparison(
        warm_start={name: benchmark.score(WARM_START, None) for name, benchmark in found.items()},
        arms={
            arm: {name: benchmark.score(arm, differences.get((arm, name))) for name, benchmark in found.items()}
            for arm in arms
        },
        history={arm: {name: benchmark.history(arm) for name, benchmark in found.items()} for arm in arms},
        lead={arm: {name: benchmark.lead(arm) for name, benchmark in found.items()} for arm in arms if arm != baseline},
        sweep={arm: {name: benchmark.sweep(arm) for name, benchmark in found.items()} for arm in arms}
        if study.sweep
        else {},
    )


class _Benchmark:
    """One benchmark's tables of values, [seeds, problems] each, and their estimates, made in one go."""

    def __init__(self, study: Study, benchmark: str) -> None:
        self.study = study
        self.policies = {WARM_START: [study.warm_start[benchmark]]}
        self.policies |= {arm: study.judged(benchmark, arm) for arm in study.params.arms}
        self.samples = study.warm_start[benchmark].samples
        self.own_temperature = study.params.evaluate.of(benchmark).temperature
        self.has_majority = all(one.majority is not None for runs in self.policies.values() for one in runs)
        tables: Tables = {}
        table = pass_table(self.samples)
        for policy, runs in self.policies.items():
            counts = np.array([one.correct.sum(axis=1) for one in runs])
            tables |= {("pass", policy, k): table[counts, k - 1] for k in shown_k(self.samples)}
            if self.has_majority:
                tables["majority", policy] = np.array([one.majority for one in runs])
        for arm in study.params.arms:
            for after in study.params.evaluate.after[:-1]:
                tables["after", arm, after] = _shares(study.judged(benchmark, arm, after))
            for temperature in study.params.evaluate.sweep:
                runs = [study.sweep[arm, seed, temperature][benchmark] for seed in study.params.seeds]
                tables["sweep", arm, temperature] = _shares(runs)
            for other in {study.params.report.baseline, WARM_START} - {arm}:
                tables["minus", arm, other] = tables["pass", arm, 1] - tables["pass", other, 1]
        baseline = study.params.report.baseline
        curves = {arm: _curve(tables, arm, study.params.evaluate.after) for arm in study.params.arms}
        for arm in study.params.arms:
            if arm != baseline:
                for after in study.params.evaluate.after[:-1]:
                    tables["minus after", arm, after] = tables["after", arm, after] - tables["after", baseline, after]
                tables["equal tokens", arm] = difference_at_equal_tokens(study, arm, baseline, curves)
        self.tables = tables
        self.estimates = _estimates(tables, study.params.report.confidence)

    def score(self, policy: str, difference: Difference | None) -> Score:
        runs = self.policies[policy]
        seeds = self.study.params.seeds if policy != WARM_START else []
        by_seed = {seed: float(one.correct.mean()) for seed, one in zip(seeds, runs, strict=bool(seeds))}
        return Score(
            samples=self.samples,
            avg=self.estimates["pass", policy, 1],
            passes={k: self.estimates["pass", policy, k] for k in shown_k(self.samples)},
            curve=mean_pass_curve(np.array([one.correct for one in runs])).tolist(),
            majority=self.estimates.get(("majority", policy)),
            length=float(np.mean([one.tokens.mean() for one in runs])),
            overlong=float(np.mean([one.overlong.mean() for one in runs])),
            by_seed=by_seed,
            between_seeds=stdev(by_seed.values()) if len(by_seed) > 1 else None,
            minus_baseline=difference,
            minus_warm_start=self.estimates.get(("minus", policy, WARM_START)),
            at_equal_tokens=self.estimates.get(("equal tokens", policy)),
        )

    def differences(self) -> dict[str, NDArray[np.float64]]:
        """Each other arm minus the baseline, [seeds, problems]."""
        baseline = self.study.params.report.baseline
        return {arm: self.tables["minus", arm, baseline] for arm in self.study.params.arms if arm != baseline}

    def history(self, arm: str) -> dict[int, Estimate]:
        after = self.study.params.evaluate.after
        return {
            0: self.estimates["pass", WARM_START, 1],
            **{number: self.estimates["after", arm, number] for number in after[:-1]},
            after[-1]: self.estimates["pass", arm, 1],
        }

    def lead(self, arm: str) -> dict[int, Estimate]:
        after = self.study.params.evaluate.after
        return {
            **{number: self.estimates["minus after", arm, number] for number in after[:-1]},
            after[-1]: self.estimates["minus", arm, self.study.params.report.baseline],
        }

    def sweep(self, arm: str) -> dict[float, Estimate]:
        found = {value: self.estimates["sweep", arm, value] for value in self.study.params.evaluate.sweep}
        return dict(sorted({self.own_temperature: self.estimates["pass", arm, 1], **found}.items()))


def _curve(tables: Tables, arm: str, after: list[int]) -> NDArray[np.float64]:
    """The shares of correct responses of the warm start and of each evaluated policy: [policies, seeds, problems]."""
    last = tables["pass", arm, 1]
    warm_start = np.broadcast_to(tables["pass", WARM_START, 1], last.shape)
    return np.stack([warm_start, *(tables["after", arm, number] for number in after[:-1]), last])


def _estimates(tables: Tables, confidence: float) -> dict[tuple[object, ...], Estimate]:
    """Each table's estimate; a share's interval ends at 0 and at 1."""
    found = {key: estimate_means(table[None], confidence)[0] for key, table in tables.items()}
    return {
        key: one if key[0] in _DIFFERENCES else replace(one, low=max(0.0, one.low), high=min(1.0, one.high))
        for key, one in found.items()
    }


def _shares(runs: list[Judged]) -> NDArray[np.float64]:
    return np.array([one.correct.mean(axis=1) for one in runs])
