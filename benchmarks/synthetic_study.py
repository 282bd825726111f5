"""Made-up results in the files of the real stages, for what reads them: the report's speed and its tests."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mtpipe import paths
from mtpipe.files import write_json, write_text
from mtpipe.learn.scoring.mismatch_table import mismatch_table
from mtpipe.params import Params
from mtpipe.records import EVALUATION, NOT_EVEN, ROLLOUTS, VERDICTS

BENCHMARKS = ("same", "longer", "larger")
VERDICT_NAMES = ("correct", "wrong", "false_step", "no_answer")


def write_study(params: Params, problems: int, lift: dict[str, float] | None = None, between_runs: float = 0.0) -> None:
    """Writes plans, update metrics, evaluations and the warm start's curve of a study into the current folder.

    Args:
        problems: how many each benchmark has.
        lift: by arm, what is added to each problem's chance of a correct response per round; 0.02 where not named.
        between_runs: standard deviation between training runs of one arm, added to the chances after the first round.
    """
    for plan in params.plans():
        write_text(paths.round_plan(plan.arm, plan.round), plan.model_dump_json())
    write_json(paths.WARM_START / "curve.json", [{"step": n, "loss": 2 / (1 + n)} for n in range(50)])
    write_json(paths.SOURCES, [])
    _write_evaluation(params, paths.WARM_START_EVALUATION, problems, 0.0, 0)
    for index, arm in enumerate(params.arms):
        rise = (lift or {}).get(arm, 0.02)
        for seed in params.seeds:
            own = between_runs * float(np.random.default_rng([index, seed]).normal())
            for round in params.rounds:
                write_json(paths.round_metrics(arm, seed, round.n), _round(params, arm, seed, round.n, rise))
            for after in params.evaluate.after:
                _write_evaluation(params, paths.evaluation(arm, seed, after), problems, rise * after + own, seed)
            for value in params.evaluate.sweep:
                last = params.evaluate.after[-1]
                target = paths.sweep(arm, seed, last, value)
                _write_evaluation(params, target, problems, rise * last + own - 0.1 * abs(value - 0.8), seed)


def write_rollouts(
    folder: Path, groups: int, group_size: int, tokens: int, vocabulary: int, seed: int = 0, text: str = "made up"
) -> Path:
    """Writes rollouts.parquet and verdicts.parquet of `groups` problems into a folder; returns the former."""
    rng = np.random.default_rng(seed)
    count = groups * group_size
    lengths = rng.integers(max(1, tokens // 2), tokens + 1, count)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    total = int(lengths.sum())
    entropies = rng.gamma(0.3, 0.3, total).astype(np.float32)

    def lists(values: np.ndarray, kind: pa.DataType) -> pa.Array:
        return pa.ListArray.from_arrays(offsets, pa.array(values, kind))

    problem_ids = [f"problem/{number:05d}" for number in range(groups) for _ in range(group_size)]
    samples = list(range(group_size)) * groups
    table = {
        "problem_id": problem_ids,
        "sample": samples,
        "base_temperature": [1.0] * count,
        "prompt_ids": [[2, 3, 4]] * count,
        "response_ids": lists(rng.integers(2, vocabulary, total), pa.int32()),
        "text": [text] * count,
        "behaviour_logprobs": lists(-entropies, pa.float32()),
        "temperatures": lists(np.where(entropies > 0.2, 1.2, 1.0), pa.float32()),
        "entropies": lists(entropies, pa.float32()),
        "mask_sizes": [[]] * count,
        "mask_ids": [[]] * count,
        "finish_reason": ["stop"] * count,
        "even_from": [NOT_EVEN] * count,
    }
    verdicts = rng.choice(VERDICT_NAMES, count).tolist()
    judged = {
        "problem_id": problem_ids,
        "sample": samples,
        "reward": [float(verdict == "correct") for verdict in verdicts],
        "parts": [[("correct", float(verdict == "correct"))] for verdict in verdicts],
        "masked": [False] * count,
        "verdict": verdicts,
        "score": [float(verdict == "correct") for verdict in verdicts],
        "answer": ["1"] * count,
        "detail": [""] * count,
    }
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(table, schema=ROLLOUTS), folder / "rollouts.parquet")
    pq.write_table(pa.table(judged, schema=VERDICTS), folder / "verdicts.parquet")
    return folder / "rollouts.parquet"


def _write_evaluation(params: Params, target: Path, problems: int, lift: float, seed: int) -> None:
    parts = []
    for number, benchmark in enumerate(BENCHMARKS):
        samples = params.evaluate.of(benchmark).samples
        rng = np.random.default_rng([number, seed])
        skill = np.random.default_rng(number).beta(1.0, 2.0, problems)
        chance = np.clip(skill + lift + rng.normal(0, 0.01), 0, 1)
        correct = (rng.random((problems, samples)) < chance[:, None]).ravel()
        other = rng.choice(VERDICT_NAMES[1:], len(correct))
        verdict = np.where(correct, "correct", other)
        parts.append(
            pa.table(
                {
                    "benchmark": [benchmark] * len(correct),
                    "problem_id": np.repeat([f"{benchmark}/{n:04d}" for n in range(problems)], samples),
                    "sample": np.tile(np.arange(samples, dtype=np.int32), problems),
                    "correct": correct,
                    "verdict": verdict,
                    "answer": np.where(correct, "7", rng.choice(["3", "4", "5"], len(correct))),
                    "tokens": rng.integers(12, 48, len(correct), dtype=np.int32),
                    "finish_reason": np.where(rng.random(len(correct)) < 0.02, "length", "stop"),
                    "text": ["3*4=12,12-5=7"] * len(correct),
                },
                schema=EVALUATION,
            )
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.concat_tables(parts), target)


def _round(params: Params, arm: str, seed: int, round: int, lift: float) -> dict[str, object]:
    rng = np.random.default_rng([len(arm), seed, round])
    plan = next(plan for plan in params.plans() if (plan.arm, plan.round) == (arm, round))
    planned = [response.rule.span()[1] for response in plan.responses()]
    hot = any(response.rule.kind == "entropy_threshold" for response in plan.responses())
    reward = float(0.25 + lift * round + rng.normal(0, 0.01))
    responses = params.sampling.prompts * params.sampling.group_size
    edges = np.linspace(0, 3, 61)
    counts = (1e5 * np.exp(-3 * edges[:-1]) * rng.uniform(0.8, 1.2, 60)).astype(int)
    temperatures = sorted(set(planned))
    right = int(max(0, reward) * responses)
    return {
        "round": {
            "reward": reward,
            "verdicts": {"correct": right, "wrong": responses - right},
            "entropy": float(0.1 - 0.008 * round + rng.normal(0, 0.002)),
            "temperature_mean": float(np.mean(planned)),
            "temperature_min": min(planned),
            "temperature_max": max(planned),
            "responses": responses,
            "tokens": 22 * responses,
            "response_tokens": float(22 + rng.normal(0, 0.2)),
            "overlong": 0.01,
            "groups_right": 0.1 + 0.05 * round,
            "groups_mixed": 0.6,
            "groups_wrong": 0.3 - 0.05 * round,
            "distinct_responses": 0.8 - 0.05 * round,
            "distinct_answers": 0.5 - 0.05 * round,
            "clip_fraction": 0.01 * (1 + round),
            "kl_behaviour": 0.004,
            "grad_norm": float(rng.uniform(0.1, 0.2)),
        },
        "steps": [{"step": 4 * round + n, "trained_tokens": 4 * responses} for n in range(1, 5)],
        "reward_parts": {"correct": {"mean": reward, "advantage_share": 1.0}},
        "temperatures": [
            {
                "temperature": value,
                "responses": planned.count(value) * params.sampling.prompts,
                "reward": reward - 0.05 * (value - 1),
                "positive_advantage_share": planned.count(value) / len(planned),
                "different_responses": min(1.0, 0.8 * value),
                "different_answers": min(1.0, 0.5 * value),
            }
            for value in temperatures
        ],
        "mismatch": mismatch_table(np.linspace(-0.02, 0.02, 500), np.resize(temperatures, 500), np.linspace(0, 3, 500)),
        "profile": {
            over: {"edges": [0, 1, 2], "mean": [1.0, 1.2], "low": [1.0, 1.0], "high": [1.1, 1.3]}
            for over in ("entropy", "position")
        },
        "strip": {
            **{"problem_id": "train/0", "prompt": "2+9*3-4>", "verdict": "correct", "tokens": ["9", "*", "<b>"]},
            **{"temperatures": [1.0, max(planned), 1.0], "entropies": [0.1, 0.9, 0.0]},
        },
        "entropy": {
            "edges": edges.tolist(),
            "counts": counts.tolist(),
            "threshold": 0.4 if hot else None,
            "hot_share": 0.2 if hot else None,
        },
    }
