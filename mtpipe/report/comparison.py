"""The study's numbers: every policy's scores on every benchmark, and the paired differences with their tests."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtpipe.evaluate.judged import Judged
from mtpipe.report.collect import Study
from mtpipe.statistics.bootstrap import Estimate, estimate_means
from mtpipe.statistics.paired_tests import holm, sign_flip_p_values, smallest_detectable
from mtpipe.statistics.pass_at_k import mean_pass_curve, pass_table

WARM_START = "warm start"
_ALL_K_UP_TO = 8


@dataclass(frozen=True)
class Difference:
    """An arm minus the baseline.

    `p_value` is the sign-flip test's over problems, `adjusted` Holm's over all arms and benchmarks of the study, and
    `detectable` the smallest true difference that the test finds with a chance of 80 %, uncorrected. `holds`: the
    adjusted p-value is at most 1 - confidence and the interval, which with several seeds spans them too, excludes 0.
    """

    estimate: Estimate
    p_value: float
    adjusted: float
    detectable: float
    holds: bool


@dataclass(frozen=True)
class Score:
    """One policy on one benchmark, its seeds together; values are shares of 1, `length` is in tokens.

    `curve` has pass@k for k = 1 … samples. `majority` is maj@samples, None where answers have no canonical form.
    """

    samples: int
    avg: Estimate
    passes: dict[int, Estimate]
    curve: list[float]
    majority: Estimate | None
    length: float
    overlong: float
    by_seed: dict[int, float]
    minus_baseline: Difference | None
    minus_warm_start: Estimate | None


@dataclass(frozen=True)
class Comparison:
    """Scores by benchmark, for the warm start and by arm for each arm's last policy.

    `history` has avg@k by arm, benchmark and number of rounds, where 0 is the warm start; `sweep` by arm, benchmark and
    evaluation temperature, the benchmark's own among them, and is empty without a sweep.
    """

    warm_start: dict[str, Score]
    arms: dict[str, dict[str, Score]]
    history: dict[str, dict[str, dict[int, Estimate]]]
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
    differences = _tested(study, found)
    return Comparison(
        warm_start={name: benchmark.score(WARM_START, None) for name, benchmark in found.items()},
        arms={
            arm: {name: benchmark.score(arm, differences.get((arm, name))) for name, benchmark in found.items()}
            for arm in arms
        },
        history={arm: {name: benchmark.history(arm) for name, benchmark in found.items()} for arm in arms},
        sweep={arm: {name: benchmark.sweep(arm) for name, benchmark in found.items()} for arm in arms}
        if study.sweep
        else {},
    )


class _Benchmark:
    """One benchmark's tables of values, [seeds, problems] each, and their estimates, made in one go."""

    def __init__(self, study: Study, benchmark: str) -> None:
        self.study = study
        self.policies = {WARM_START: [study.warm_start[benchmark]] * len(study.params.seeds)}
        self.policies |= {arm: study.judged(benchmark, arm) for arm in study.params.arms}
        self.samples = study.warm_start[benchmark].samples
        self.own_temperature = study.params.evaluate.of(benchmark).temperature
        self.has_majority = all(one.majority is not None for runs in self.policies.values() for one in runs)
        tables: dict[tuple[object, ...], NDArray[np.float64]] = {}
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
        report = study.params.report
        estimates = estimate_means(np.stack(list(tables.values())), report.resamples, report.confidence)
        self.tables = tables
        self.estimates = dict(zip(tables, estimates, strict=True))

    def score(self, policy: str, difference: Difference | None) -> Score:
        runs = self.policies[policy]
        arm = policy != WARM_START
        return Score(
            samples=self.samples,
            avg=self.estimates["pass", policy, 1],
            passes={k: self.estimates["pass", policy, k] for k in shown_k(self.samples)},
            curve=mean_pass_curve(np.array([one.correct for one in runs])).tolist(),
            majority=self.estimates.get(("majority", policy)),
            length=float(np.mean([one.tokens.mean() for one in runs])),
            overlong=float(np.mean([one.overlong.mean() for one in runs])),
            by_seed={
                seed: float(one.correct.mean()) for seed, one in zip(self.study.params.seeds, runs, strict=True) if arm
            },
            minus_baseline=difference,
            minus_warm_start=self.estimates.get(("minus", policy, WARM_START)),
        )

    def history(self, arm: str) -> dict[int, Estimate]:
        after = self.study.params.evaluate.after
        return {
            0: self.estimates["pass", WARM_START, 1],
            **{number: self.estimates["after", arm, number] for number in after[:-1]},
            after[-1]: self.estimates["pass", arm, 1],
        }

    def sweep(self, arm: str) -> dict[float, Estimate]:
        found = {value: self.estimates["sweep", arm, value] for value in self.study.params.evaluate.sweep}
        return dict(sorted({self.own_temperature: self.estimates["pass", arm, 1], **found}.items()))


def _shares(runs: list[Judged]) -> NDArray[np.float64]:
    return np.array([one.correct.mean(axis=1) for one in runs])


def _tested(study: Study, found: dict[str, _Benchmark]) -> dict[tuple[str, str], Difference]:
    """Every arm against the baseline on every benchmark, by arm and benchmark: one family for Holm's correction."""
    report = study.params.report
    others = [arm for arm in study.params.arms if arm != report.baseline]
    if not others:
        return {}
    p_values = np.array(
        [
            sign_flip_p_values(
                np.array([benchmark.tables["minus", arm, report.baseline].mean(axis=0) for arm in others]),
                report.resamples,
            )
            for benchmark in found.values()
        ]
    )
    adjusted = holm(p_values.ravel()).reshape(p_values.shape)
    differences = {}
    for row, (name, benchmark) in enumerate(found.items()):
        for column, arm in enumerate(others):
            estimate = benchmark.estimates["minus", arm, report.baseline]
            differences[arm, name] = Difference(
                estimate=estimate,
                p_value=float(p_values[row, column]),
                adjusted=float(adjusted[row, column]),
                detectable=smallest_detectable(estimate.error, report.confidence),
                holds=bool(adjusted[row, column] <= 1 - report.confidence and estimate.excludes_zero),
            )
    return differences
