"""The chains that tests of stages look at: arms whose every part leaves a trace, and how their rollouts were drawn."""

import numpy as np

from mtpipe import paths
from mtpipe.files import read_json
from mtpipe.records import PROBLEMS as PROBLEM_ROWS
from mtpipe.records import Rollout, read_rollouts, read_rows
from mtpipe.sampling.rounds import draw_problems

SEED, ROUNDS = 3, (0, 1)
GROUP, PROMPTS, LIMIT = 4, 6, 12
OFFSETS = [0.0, 0.1, 0.2, 0.3]
ARMS = {
    "uniform": {"update": {"kl_coefficient": 0.05}},
    "linear": {
        "schedule": {"kind": "linear", "start": 0.9, "end": 1.3, "over": 1},
        "spread": {"offsets": OFFSETS},
        "update": {"loss": "dr_grpo", "advantage": "mean", "target": "untempered"},
    },
    "token": {
        "token": {"kind": "entropy_threshold", "low": 0.9, "high": 1.3, "threshold": {"quantile": 0.6}},
        "update": {"top_entropy": 0.5, "entropy_bonus": {"target": 9.0, "change": 0.01, "largest": 0.1}},
    },
    "drawn": {
        "spread": {"drawn": {"kind": "uniform", "low": 0.7, "high": 1.4}},
        "truncation": {"top_p": 0.95},
        "update": {"loss": "grpo"},
    },
    "held": {"controller": {"kind": "entropy_target", "target": 1.0}},
    "probed": {
        "controller": {
            "kind": "tempered_entropy",
            "target": 1.8,
            "grid": [0.7, 1.0, 1.4],
            "problems": 3,
            "responses": 2,
        }
    },
}


def rolled(arm: str, round: int) -> list[Rollout]:
    return read_rollouts(paths.rollouts(arm, SEED, round))


def drawn_problems(round: int) -> list[dict]:
    return draw_problems(read_rows(paths.TRAIN, PROBLEM_ROWS), SEED, round, PROMPTS)


def entropies(arm: str, round: int) -> np.ndarray:
    return np.concatenate([one.entropies for one in rolled(arm, round)])


def steps(arm: str, round: int) -> list[dict]:
    """What each optimizer step that was taken measured."""
    return [step for step in read_json(paths.steps(arm, SEED, round))["steps"] if "loss" in step]
