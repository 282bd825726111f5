"""How well an entropy threshold finds the tokens that choose: `python -m mtpipe roles`.

The entropy rule takes tokens of high entropy for 'reasoning' and the others for 'knowledge'. In the arithmetic task the
role of each token is known, so the rule can be checked: of the tokens that it makes hot, how many chose between the
right order and the wrong one (precision), and how many of those that did does it make hot (recall)?
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtpipe.errors import MtpipeError
from mtpipe.records import PROBLEMS, ROLLOUTS, read_rows
from mtpipe.tasks.synthetic.arithmetic import choice_tokens
from mtpipe.text_table import aligned

QUANTILES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)
RESAMPLES = 2000


@dataclass(frozen=True)
class TokenRoles:
    """All tokens of some rollouts: `entropies` in nats, whether they chose, and the problem's index; each [tokens]."""

    entropies: NDArray[np.float64]
    chose: NDArray[np.bool_]
    problem: NDArray[np.int64]


def read_roles(rollouts: Iterable[Path], problems: Path) -> TokenRoles:
    """Reads the tokens of rollouts of the arithmetic task.

    Raises MtpipeError for another task, and for a tokenizer that has not one token for each character.
    """
    prompts = {row["problem_id"]: row for row in read_rows(problems, PROBLEMS)}
    index = {problem_id: number for number, problem_id in enumerate(prompts)}
    entropies: list[float] = []
    chose: list[bool] = []
    problem: list[int] = []
    for file in rollouts:
        for row in read_rows(file, ROLLOUTS):
            asked = prompts[row["problem_id"]]
            if asked["task"] != "arithmetic":
                raise MtpipeError(f"{file}: the roles of tokens are known in task arithmetic, not in {asked['task']}")
            stop = len(row["response_ids"]) - len(row["text"])
            if stop not in (0, 1):
                raise MtpipeError(f"{file}: problem {row['problem_id']} has not one token for each character")
            entropies += row["entropies"]
            chose += choice_tokens(asked["prompt"], row["text"]) + [False] * stop
            problem += [index[row["problem_id"]]] * len(row["entropies"])
    return TokenRoles(np.array(entropies), np.array(chose), np.array(problem))


def format_roles(roles: TokenRoles) -> str:
    """A table with a line for each quantile: the threshold, precision and recall with 95 % intervals over problems."""
    lines = [
        f"{len(roles.entropies):,} tokens, {roles.chose.mean():.1%} of which chose between the orders",
        f"mean entropy: {_mean(roles.entropies[roles.chose])} nats where they did, "
        f"{_mean(roles.entropies[~roles.chose])} elsewhere",
        "",
    ]
    rows = [("quantile", "from nats", "hot", "precision", "recall")]
    for quantile in QUANTILES:
        threshold = float(np.quantile(roles.entropies, quantile))
        hot = roles.entropies >= threshold
        precision, recall = (_share(roles.chose & hot, of, roles.problem) for of in (hot, roles.chose))
        rows.append((f"{quantile:g}", f"{threshold:.4f}", f"{hot.mean():.1%}", precision, recall))
    return "\n".join([*lines, *aligned(rows)])


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_], problem: NDArray[np.int64]) -> str:
    """part / whole with its interval, from a bootstrap over problems."""
    tokens = np.stack([np.bincount(problem, of) for of in (part, whole)])[:, np.unique(problem)]
    drawn = np.random.default_rng(0).multinomial(
        tokens.shape[1], np.full(tokens.shape[1], 1 / tokens.shape[1]), RESAMPLES
    )
    parts, wholes = tokens @ drawn.T
    low, high = np.quantile(parts / np.maximum(wholes, 1), [0.025, 0.975])
    return f"{part.sum() / max(1, whole.sum()):.1%} [{low:.1%}, {high:.1%}]"


def _mean(values: NDArray[np.float64]) -> str:
    return f"{values.mean():.3f}" if len(values) else "–"
