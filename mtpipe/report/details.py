"""The report's other tables: temperatures, verdicts, responses to look at, and the settings."""

from pathlib import Path
from typing import Any

from mtpipe.report.collect import Study
from mtpipe.report.comparison import WARM_START
from mtpipe.report.table import Cell, Row, Table, percent


def temperature_table(study: Study) -> Table | None:
    """How a group's responses fared by sampling temperature in the last round, for arms that have several."""
    groups = []
    for arm in study.params.arms:
        updates = study.over_seeds(arm, study.last_round)
        by_seed = [{entry["temperature"]: entry for entry in update["temperatures"]} for update in updates]
        temperatures = sorted(by_seed[0])
        if len(temperatures) < 2:
            continue
        rows: list[Row] = []
        for temperature in temperatures:
            entries = [entries[temperature] for entries in by_seed]
            responses = sum(entry["responses"] for entry in entries)
            total = sum(entry["responses"] for entries in by_seed for entry in entries.values())
            reward = sum(entry["reward"] for entry in entries) / len(entries)
            share = sum(entry["positive_advantage_share"] for entry in entries) / len(entries)
            cells = [f"{responses}", f"{reward:.3f}", percent(share), percent(responses / total)]
            rows.append((f"T = {temperature:g}", [Cell(text) for text in cells]))
        groups.append((arm, rows))
    if not groups:
        return None
    return Table(
        title="By sampling temperature",
        note=(
            f"Round {study.last_round}, responses grouped by planned temperature. Where the share of the positive "
            f"advantage is above the share of the responses, a temperature contributes more than its part."
        ),
        label="temperature",
        columns=["responses", "mean reward", "positive advantage %", "responses %"],
        groups=groups,
    )


def verdicts_table(study: Study) -> Table:
    """Verdict counts: the last round's training responses, and each benchmark's."""
    arms, seeds, after = study.params.arms, study.params.seeds, study.params.evaluate.after[-1]
    blocks: list[tuple[str, dict[str, list[dict[str, int]]]]] = [
        (
            f"training, round {study.last_round}",
            {arm: [update["verdicts"] for update in study.over_seeds(arm, study.last_round)] for arm in arms},
        )
    ]
    for benchmark in study.benchmarks:
        arm_counts = {arm: [study.evaluations[arm, seed, after].verdicts[benchmark] for seed in seeds] for arm in arms}
        blocks.append((benchmark, {WARM_START: [study.warm_start.verdicts[benchmark]], **arm_counts}))
    verdicts = sorted({name for _, policies in blocks for runs in policies.values() for run in runs for name in run})

    def row(policy: str, runs: list[dict[str, int]]) -> Row:
        return policy, [Cell(str(sum(run.get(verdict, 0) for run in runs))) for verdict in verdicts]

    return Table(
        title="Verdicts",
        note="Number of responses, all seeds of an arm together.",
        label="policy",
        columns=verdicts,
        groups=[(title, [row(policy, runs) for policy, runs in policies.items()]) for title, policies in blocks],
    )


def examples_table(study: Study) -> Table:
    """The first response to each benchmark's first problem, as the policies wrote it."""
    seed, after = study.params.seeds[0], study.params.evaluate.after[-1]
    policies = {
        WARM_START: study.warm_start,
        **{arm: study.evaluations[arm, seed, after] for arm in study.params.arms},
    }
    return Table(
        title="One response each",
        note=f"The first response to each benchmark's first problem; arms with seed {seed}.",
        label="policy",
        columns=["verdict", "answer", "response"],
        groups=[
            (
                f"{benchmark}, problem {study.warm_start.examples[benchmark]['problem_id']}",
                [
                    (policy, [Cell(found.examples[benchmark][key]) for key in ("verdict", "answer", "text")])
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
    roles = sorted({source["role"] for source in study.sources}, reverse=True)
    return Table(
        title="Data sets",
        note="Rows as loaded, problems kept, and why the others were not; data/problems/dropped.jsonl lists faults.",
        label="data set",
        columns=["loaded from", "rows", "kept", "left out", "digest"],
        groups=[(role, [row(source) for source in study.sources if source["role"] == role]) for role in roles],
    )


def settings_table(study: Study) -> Table:
    """What was run: the arms' temperatures and the settings that training and evaluation depend on."""
    params = study.params
    model = params.model.model_dump()
    if params.model.checkpoint is not None:
        model["checkpoint"] = Path(params.model.checkpoint).name
    names = ("task", "sft", "sampling", "reward", "update")
    sections = {name: getattr(params, name).model_dump(exclude_none=name == "task") for name in names}
    run = {
        "arms": params.arms,
        "seeds": params.seeds,
        "rounds": len(params.rounds),
        "model": model,
        **sections,
        "evaluate": params.evaluate.model_dump(),
    }
    temperatures = {arm: params.temperature[arm].model_dump(exclude_none=True) for arm in params.arms}
    return Table(
        title="What was run",
        note="As params.yaml has it.",
        label="setting",
        columns=["value"],
        groups=[
            ("temperature", [(arm, [Cell(_flow(found))]) for arm, found in temperatures.items()]),
            ("the rest", [(name, [Cell(_flow(found))]) for name, found in run.items()]),
        ],
    )


def _flow(value: Any) -> str:
    """A setting on one line, the way YAML's flow style has it."""
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_nested(found)}" for key, found in value.items())
    return _nested(value)


def _nested(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + _flow(value) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_nested, value)) + "]"
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
