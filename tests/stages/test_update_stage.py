"""A chain's updates against the same rounds taken in one process by one learner, from nothing but the rollouts."""

import json

import numpy as np
import pytest
import torch
from chains import ARMS, GROUP, LIMIT, ROUNDS, SEED, entropies, rolled, steps
from safetensors.torch import load_file
from tqdm import tqdm

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json
from mtpipe.learn.batching.groups import join_groups
from mtpipe.learn.batching.steps import optimizer_steps
from mtpipe.learn.losses.entropy_bonus import Coefficient
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.update import coefficient_after, update_policy
from mtpipe.model.policy import load_policy
from mtpipe.params import load_params
from mtpipe.pruned import forget_pruned, mark_pruned
from mtpipe.records import VERDICTS, read_rows
from mtpipe.run.stage_plan import settings_for
from mtpipe.settings.update import Update
from mtpipe.temperature.entropy_table import FILE_NAME
from stages import update

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("arm", list(ARMS))
def test_two_rounds_with_files_between_them_are_two_rounds_of_one_learner(here, arm):
    """The optimizer, its warm-up, the reference, the arm's own loss and the bonus's coefficient go on by themselves."""
    settings = Update.model_validate(load_params().update.model_dump() | ARMS[arm].get("update", {}))
    warm_start = paths.WARM_START / "policy"
    reference = load_policy(warm_start) if settings.kl_coefficient else None
    learner = Learner.of(load_policy(warm_start), settings, reference=reference)
    coefficient = Coefficient()
    for round in ROUNDS:
        verdicts = read_rows(paths.verdicts(arm, SEED, round), VERDICTS)
        groups = join_groups(rolled(arm, round), verdicts, GROUP)
        learner = Learner(**{**vars(learner), "coefficient": coefficient})
        metrics = update_policy(learner, optimizer_steps(groups, settings, LIMIT), tqdm(disable=True))
        coefficient = coefficient_after(metrics, settings, coefficient)
        written = read_json(paths.steps(arm, SEED, round))
        assert written["steps_before"] == (len(steps(arm, 0)) if round else 0)
        assert len(steps(arm, round)) > 0
        table = [row for step in metrics for row in step.pop("mismatch", [])]
        assert [row["tokens"] for row in written["mismatch"]] == [row["tokens"] for row in table]
        for one, other in zip(written["steps"], metrics, strict=True):
            assert one == pytest.approx(other, rel=1e-4, abs=1e-6)
        found = load_file(paths.policy(arm, SEED, round + 1) / "model.safetensors")
        for name, tensor in learner.policy.model.state_dict().items():
            if name in found:
                torch.testing.assert_close(found[name], tensor, rtol=0, atol=2e-6)


def test_an_update_whose_policy_was_removed_to_free_disk_is_refused(prepared, monkeypatch):
    monkeypatch.chdir(prepared)
    made = paths.policy("uniform", SEED, len(ROUNDS) + 1)
    mark_pruned(made, {}, {}, prepared)
    try:
        with pytest.raises(MtpipeError, match="removed to free disk"):
            update.main("uniform", SEED, len(ROUNDS), **settings_for(update.main))
    finally:
        forget_pruned(made)


def test_the_optimizer_counts_over_all_rounds(here):
    for round in ROUNDS:
        state = load_file(paths.optimizer("uniform", SEED, round + 1))
        assert int(state["step"]) == sum(len(steps("uniform", before)) for before in range(round + 1))


def test_the_kl_is_to_the_warm_start_in_every_round(here):
    assert steps("uniform", 0)[0]["kl_reference"] == pytest.approx(0, abs=1e-6)
    assert steps("uniform", 1)[0]["kl_reference"] > 1e-5


def test_the_bonuss_coefficient_goes_on_from_round_to_round(here):
    found = [step["entropy_coefficient"] for round in ROUNDS for step in steps("token", round)]
    assert found == pytest.approx([0.01 * number for number in range(len(found))])


def test_the_next_rounds_quantiles_are_those_of_this_ones_entropies(here):
    for arm in ("token", "linear"):
        for round in ROUNDS:
            found = read_json(paths.policy(arm, SEED, round + 1) / FILE_NAME)["quantiles"]
            at = [0, 250, 600, 1000]
            assert [found[n] for n in at] == pytest.approx(np.quantile(entropies(arm, round), np.array(at) / 1000))


def test_only_what_an_arm_has_travels_with_its_policy(here):
    for arm in ARMS:
        folder = paths.policy(arm, SEED, 2)
        assert (folder / "controller.json").is_file() == (arm in ("held", "probed"))
        assert (folder / "training" / "entropy_bonus.json").is_file() == (arm == "token")


def test_every_update_is_that_of_its_arms_own_settings(here):
    for arm, settings in ARMS.items():
        found = json.loads(paths.arm_update(arm).read_text())
        expected = load_params().update.model_dump(mode="json") | settings.get("update", {})
        assert found == expected | {"logprob_tolerance": 1e-5, "sources": {}}, "what float32 asks for"
