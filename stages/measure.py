"""Stage measure: what the report and MLflow say of a run's rounds, from the files that the rounds left.

It computes nothing that trains, and imports no torch: a new number in the report runs this stage again and no other
one before it.
"""

from typing import Annotated

from mtpipe import paths
from mtpipe.files import atomic, read_json, write_json
from mtpipe.measure.round_metrics import measure_round
from mtpipe.model.token_texts import TokenTexts
from mtpipe.records import VERDICTS, read_rollouts, read_rows, read_sampled_round
from mtpipe.run.stage import run_stage
from mtpipe.settings.reward import Reward
from mtpipe.settings.rounds import Round
from mtpipe.settings.sampling import RoundSize


def main(arm: str, seed: int, *, rounds: Annotated[list[Round], "rounds"], reward: Reward, sampling: RoundSize) -> None:
    """Measures all rounds of one run."""
    with atomic(paths.metrics(arm, seed)) as folder:
        for round in rounds:
            run = (arm, seed, round.n)
            measured = measure_round(
                read_rollouts(paths.rollouts(*run)),
                read_rows(paths.verdicts(*run), VERDICTS),
                read_json(paths.steps(*run)),
                read_sampled_round(paths.rollouts(*run)),
                reward.weights,
                sampling,
                TokenTexts(paths.WARM_START / "policy" / "tokenizer.json"),
            )
            write_json(folder / paths.round_metrics(*run).name, measured)


if __name__ == "__main__":
    run_stage(main)
