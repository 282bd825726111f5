"""The report's other tables: temperatures, verdicts, responses to look at, and tokens."""

from collections.abc import Callable
from typing import Any

from mtpipe.report.benchmark_names import spoken
from mtpipe.report.cells import Cell, Row, Table, percent
from mtpipe.report.collect import Study
from mtpipe.report.comparison import WARM_START
from mtpipe.report.temperature_pictures import DIVERSITY


def temperature_table(study: Study) -> Table | None:
    """How a group's responses fared by sampling temperature in the last round, for arms that have several."""
    groups = []
    for arm in study.params.arms:
        updates = study.over_seeds(arm, study.last_round)
        by_seed = [{entry["temperature"]: entry for entry in update["temperatures"]} for update in updates]
        temperatures = sorted({temperature for entries in by_seed for temperature in entries})
        if len(temperatures) < 2:
            continue
        rows: list[Row] = []
        for temperature in temperatures:
            entries = [entries[temperature] for entries in by_seed if temperature in entries]
            responses = sum(entry["responses"] for entry in entries)
            total = sum(entry["responses"] for entries in by_seed for entry in entries.values())
            reward = sum(entry["reward"] for entry in entries) / len(entries)
            share = sum(entry["positive_advantage_share"] for entry in entries) / len(by_seed)
            differ = [sum(entry[key] for entry in entries) / len(entries) for key in DIVERSITY]
            cells = [
                Cell(f"{responses:,}", order=responses),
                Cell(f"{reward:.3f}", order=reward),
                Cell(percent(share), order=share),
                Cell(percent(responses / total), order=responses / total),
                *(Cell(percent(value), order=value) for value in differ),
            ]
            rows.append((f"T = {temperature:g}", cells))
        groups.append((arm, rows))
    if not groups:
        return None
    return Table(
        title="By sampling temperature",
        note=(
            f"Round {study.last_round}, responses grouped by planned temperature. Where the share of the positive "
            f"advantage is above the share of the responses, a temperature contributes more than its part. "
            f"The last two columns are diversity: of the other responses of a response's group, at whatever "
            f"temperature, the share whose text or final answer is not its own."
        ),
        label="temperature",
        columns=[
            "responses",
            "mean reward",
            "positive advantage %",
            "responses %",
            *(f"{name} %" for name in DIVERSITY.values()),
        ],
        groups=groups,
    )


def reward_table(study: Study) -> Table | None:
    """What each part of the reward came to in the first and the last round, if there are several."""
    weights = study.params.reward.weights
    if len(weights) < 2:
        return None

    def mean(arm: str, round: int, part: str, key: str) -> float:
        updates = study.over_seeds(arm, round)
        return sum(update["reward_parts"][part][key] for update in updates) / len(updates)

    def row(arm: str, part: str) -> Row:
        values = [mean(arm, round, part, "mean") for round in (study.params.rounds[0].n, study.last_round)]
        share = mean(arm, study.last_round, part, "advantage_share")
        cells = [Cell(f"{weights[part]:g}", order=weights[part])]
        cells += [Cell(f"{value:.3f}", order=value) for value in values]
        return part, [*cells, Cell(percent(share), order=share)]

    return Table(
        title="Parts of the reward",
        note=(
            "Means over the responses, before weighting. A part's share of the advantage is its covariance with the "
            "advantage over the advantage's variance: what the update learns from it. The shares sum to 100 %."
        ),
        label="part",
        columns=["weight", "first round", f"round {study.last_round}", "share of the advantage %"],
        groups=[(arm, [row(arm, part) for part in weights]) for arm in study.params.arms],
    )


def verdicts_table(study: Study) -> Table:
    """Verdict counts: the last round's training responses, and each benchmark's."""
    arms = study.params.arms
    blocks: list[tuple[str, dict[str, list[dict[str, int]]]]] = [
        (
            f"training, round {study.last_round}",
            {arm: [update["verdicts"] for update in study.over_seeds(arm, study.last_round)] for arm in arms},
        )
    ]
    for benchmark in study.benchmarks:
        arm_counts = {arm: [one.verdicts for one in study.judged(benchmark, arm)] for arm in arms}
        blocks.append((spoken(study, benchmark), {WARM_START: [study.warm_start[benchmark].verdicts], **arm_counts}))
    verdicts = sorted({name for _, policies in blocks for runs in policies.values() for run in runs for name in run})

    def row(policy: str, runs: list[dict[str, int]]) -> Row:
        counts = [sum(run.get(verdict, 0) for run in runs) for verdict in verdicts]
        return policy, [Cell(f"{count:,}", order=count) for count in counts]

    return Table(
        title="Verdicts",
        note="Number of responses, all seeds of an arm together.",
        label="policy",
        columns=verdicts,
        groups=[(title, [row(policy, runs) for policy, runs in policies.items()]) for title, policies in blocks],
    )


def examples_table(study: Study) -> Table:
    """The first response to each benchmark's first problem, as the policies wrote it."""
    seed = study.params.seeds[0]
    policies = {
        WARM_START: study.warm_start,
        **{arm: study.evaluations[arm, seed, study.after] for arm in study.params.arms},
    }
    return Table(
        title="One response each",
        note=f"The first response to each benchmark's first problem; arms with seed {seed}.",
        label="policy",
        columns=["verdict", "answer", "response"],
        groups=[
            (
                f"{spoken(study, benchmark)}, problem {study.warm_start[benchmark].example['problem_id']}",
                [
                    (policy, [Cell(found[benchmark].example[key]) for key in ("verdict", "answer", "text")])
                    for policy, found in policies.items()
                ],
            )
            for benchmark in study.benchmarks
        ],
    )


def sources_table(study: Study) -> Table | None:
    """What was loaded of each data set, and what was left out, for tasks that load their problems."""

    def row(source: dict[str, Any]) -> Row:
        where = [str(source.get("hub") or ", ".join(source.get("files", [])))]
        where += [*source.get("config", []), *(source[key] for key in ("split", "revision") if source.get(key))]
        dropped = ", ".join(f"{count} {reason}" for reason, count in source["dropped"].items())
        cells = [", ".join(where), source["rows"], source["kept"], dropped or "–", source["digest"][:12]]
        return source["name"], [Cell(str(cell)) for cell in cells]

    if not study.sources:
        return None
    return Table(
        title="Data sets",
        note="Rows as loaded, problems kept, and why the others were not; data/problems/dropped.jsonl lists faults.",
        label="data set",
        columns=["loaded from", "rows", "kept", "left out", "digest"],
        groups=_by_role(study, row),
    )


def _by_role(study: Study, row: Callable[[dict[str, Any]], Row]) -> list[tuple[str, list[Row]]]:
    """A row for each data set: those for training, then the benchmarks."""
    roles = sorted({source["role"] for source in study.sources}, reverse=True)
    return [(role, [row(source) for source in study.sources if source["role"] == role]) for role in roles]


def prompts_table(study: Study) -> Table | None:
    """The first problem of each data set as the model reads it; most silent failures begin there."""
    if not study.sources:
        return None

    def row(source: dict[str, Any]) -> Row:
        return source["name"], [Cell(source["first_prompt"].replace("\n", "↵ "))]

    return Table(
        title="Prompts",
        note="The first problem of each data set as the model reads it, special tokens and all; ↵ is a new line.",
        label="data set",
        columns=["prompt"],
        groups=_by_role(study, row),
    )


def cost_table(study: Study) -> Table:
    """Tokens by arm: what was sampled, trained on and evaluated. Seconds differ from machine to machine."""
    params = study.params
    rows: list[Row] = []
    for arm in params.arms:
        updates = [study.updates[arm, seed, round.n] for seed in params.seeds for round in params.rounds]
        sampled = sum(update["tokens"] for update in updates)
        responses = sum(update["responses"] for update in updates)
        trained = sum(update["trained_tokens"] for update in updates)
        cut = sum(update["overlong"] * update["responses"] for update in updates) / responses
        evaluations = [
            *(study.evaluations[arm, seed, after] for seed in params.seeds for after in params.evaluate.after),
            *(study.sweep[arm, seed, value] for seed in params.seeds for value in params.evaluate.sweep),
        ]
        evaluated = sum(int(judged.tokens.sum()) for found in evaluations for judged in found.values())
        counts = [Cell(f"{count:,}", order=count) for count in (responses, sampled, trained, evaluated)]
        length = sampled / responses
        rows.append((arm, [*counts, Cell(f"{length:.1f}", order=length), Cell(percent(cut), order=cut)]))
    return Table(
        title="Tokens",
        note=(
            "Over all rounds and seeds. Trained: groups of equal rewards are left out. Seconds depend on the machine "
            "and this file must not, so they are left out; python -m mtpipe cost prints them."
        ),
        label="arm",
        columns=["responses", "sampled", "trained", "evaluated", "tokens each", "cut %"],
        groups=[("", rows)],
    )
