"""One response of a round, token by token, for the first picture of the report."""

from typing import Any

from mtpipe.model.token_texts import TokenTexts
from mtpipe.records import Rollout

LONGEST = 120
"""Tokens; a longer response is cut."""


def token_strip(rollouts: list[Rollout], verdicts: list[dict[str, Any]], texts: TokenTexts) -> dict[str, Any]:
    """A correct response from a group that has wrong ones too; without one the round's first response.

    Returns:
        the problem's id, prompt and verdict, and by token its text, temperature, and untempered entropy (nats).
    """
    outcome = {(row["problem_id"], row["sample"]): row["verdict"] for row in verdicts}
    missed = {problem_id for (problem_id, _), verdict in outcome.items() if verdict != "correct"}
    chosen = next(
        (
            rollout
            for rollout in rollouts
            if rollout.problem_id in missed and outcome[rollout.problem_id, rollout.sample] == "correct"
        ),
        rollouts[0],
    )
    return {
        "problem_id": chosen.problem_id,
        "prompt": texts.prompt(chosen.prompt_ids),
        "verdict": outcome[chosen.problem_id, chosen.sample],
        "tokens": [texts.of(token)[0] for token in chosen.response_ids[:LONGEST]],
        "temperatures": [round(float(value), 4) for value in chosen.temperatures[:LONGEST]],
        "entropies": [round(float(value), 4) for value in chosen.entropies[:LONGEST]],
    }
