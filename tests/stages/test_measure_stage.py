"""What the stage measure writes against the round's own files."""

import numpy as np
import pytest
from chains import ARMS, ROUNDS, SEED, entropies, rolled, steps

from mtpipe import paths
from mtpipe.files import read_json
from mtpipe.records import VERDICTS, read_rows, read_sampled_round

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("round", ROUNDS)
@pytest.mark.parametrize("arm", list(ARMS))
def test_a_rounds_numbers_are_those_of_its_own_files(here, arm, round):
    found = read_json(paths.round_metrics(arm, SEED, round))
    rollouts, verdicts = rolled(arm, round), read_rows(paths.verdicts(arm, SEED, round), VERDICTS)
    written, settled = read_json(paths.steps(arm, SEED, round)), read_sampled_round(paths.rollouts(arm, SEED, round))
    numbers = found["round"]
    temperatures = np.concatenate([one.temperatures for one in rollouts])
    assert numbers["reward"] == pytest.approx(np.mean([row["reward"] for row in verdicts]))
    assert numbers["accuracy"] == pytest.approx(np.mean([row["verdict"] == "correct" for row in verdicts]))
    assert numbers["tokens"] == sum(len(one.response_ids) for one in rollouts)
    assert numbers["overlong"] == pytest.approx(np.mean([one.finish_reason == "length" for one in rollouts]))
    assert numbers["entropy"] == pytest.approx(entropies(arm, round).mean())
    ends = [numbers[f"temperature_{end}"] for end in ("min", "mean", "max")]
    assert ends == pytest.approx([temperatures.min(), temperatures.mean(), temperatures.max()])
    assert numbers["steps_taken"] == len(steps(arm, round))
    assert numbers["loss"] == pytest.approx(np.mean([step["loss"] for step in steps(arm, round)]))
    before = sum("loss" in step for earlier in range(round) for step in steps(arm, earlier))
    assert [step["step"] for step in found["steps"]] == [before + n + 1 for n in range(len(written["steps"]))]
    assert numbers.get("controller_temperature") == settled.controller.get("temperature")
    assert found["entropy"]["threshold"] == settled.threshold
    assert sum(found["entropy"]["counts"]) == len(entropies(arm, round))
    if settled.threshold is not None:
        hot = (entropies(arm, round).astype(np.float32) >= np.float32(settled.threshold)).mean()
        assert found["entropy"]["hot_share"] == pytest.approx(hot)
    for part, of_part in found["reward_parts"].items():
        assert of_part["mean"] == pytest.approx(np.mean([dict(row["parts"])[part] for row in verdicts]))
