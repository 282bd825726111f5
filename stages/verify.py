"""Stage verify: judges one round's responses and gives each its reward."""

import json
from typing import Annotated

import numpy as np

from mtpipe import paths
from mtpipe.files import write_text
from mtpipe.progress import progress_bar, tell
from mtpipe.records import PROBLEMS, ROLLOUTS, VERDICTS, read_rows, read_table, write_rows
from mtpipe.run.stage import run_stage
from mtpipe.settings.reward import Reward
from mtpipe.tasks.verdicts import rewarded_verdicts


def main(
    arm: str,
    seed: int,
    round: int,
    *,
    task: Annotated[str, "task.name"],
    reward: Reward,
    max_new_tokens: Annotated[int, "sampling.max_new_tokens"],
    sample_rollouts: Annotated[int, "tracking.sample_rollouts"],
) -> None:
    """Judges one round of one run. `task` is asked for so that the plan has the code of a class of one's own."""
    problems = read_rows(paths.TRAIN, PROBLEMS)
    columns = ["problem_id", "sample", "text", "response_ids", "finish_reason"]
    responses = read_table(paths.rollouts(arm, seed, round), ROLLOUTS).select(columns).to_pylist()
    with progress_bar(len(responses), f"verify {arm} round {round}", "responses") as bar:
        rows = rewarded_verdicts(problems, responses, reward, max_new_tokens, bar.update)
    write_rows(paths.verdicts(arm, seed, round), rows, VERDICTS)
    tell("round", {"reward": float(np.mean([row["reward"] for row in rows]))}, round)
    shown = [{"text": response["text"], **row} for response, row in zip(responses, rows, strict=True)]
    write_text(
        paths.samples(arm, seed, round),
        "".join(json.dumps(row) + "\n" for row in shown[:sample_rollouts]),
    )


if __name__ == "__main__":
    run_stage(main)
