"""Stage verify: judges one round's responses and gives each its reward."""

import json

import pyarrow.compute as pc

from mtpipe import paths
from mtpipe.files import write_text
from mtpipe.params import load_params
from mtpipe.progress import progress_bar
from mtpipe.records import PROBLEMS, ROLLOUTS, VERDICTS, read_rows, read_table, write_rows
from mtpipe.run.stage import run_stage
from mtpipe.tasks.judging import judge_responses
from mtpipe.tasks.rewards import reward_of


def main(arm: str, seed: int, round: int) -> None:
    """Judges one round of one run."""
    params = load_params()
    problems = read_rows(paths.TRAIN, PROBLEMS)
    rollouts = read_table(paths.rollouts(arm, seed, round), ROLLOUTS)
    responses = rollouts.select(["problem_id", "sample", "text", "finish_reason"]).to_pylist()
    lengths = pc.list_value_length(rollouts["response_ids"]).to_pylist()
    with progress_bar(len(responses), f"verify {arm} round {round}", "responses") as bar:
        rows = judge_responses(problems, responses, bar.update)
    for row, response, tokens in zip(rows, responses, lengths, strict=True):
        row["reward"] = reward_of(
            row["verdict"], response["finish_reason"], tokens, params.reward, params.sampling.max_new_tokens
        )
    write_rows(paths.verdicts(arm, seed, round), rows, VERDICTS)
    shown = [{"text": response["text"], **row} for response, row in zip(responses, rows, strict=True)]
    write_text(
        paths.samples(arm, seed, round),
        "".join(json.dumps(row) + "\n" for row in shown[: params.tracking.sample_rollouts]),
    )


if __name__ == "__main__":
    run_stage(main, arm=str, seed=int, round=int)
