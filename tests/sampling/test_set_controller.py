"""What a controller sees before its round is sampled: its state, its number, and probes of the round's problems."""

import pytest

from mtpipe.sampling.drawing.randomness import response_uniform
from mtpipe.sampling.set_controller import probe, set_controller
from mtpipe.temperature.arm import Arm
from mtpipe.temperature.controllers.controller import BeforeRound, Controller, State
from mtpipe.temperature.controllers.state import write_state
from mtpipe.temperature.planning import plan_round
from mtpipe.temperature.round_plan import RoundPlan
from mtpipe.temperature.truncation import Truncation

PROBLEMS = [{"problem_id": f"p{n}", "prompt": f"{n}+2>", "meta": "{}"} for n in range(5)]


class Watching(Controller):
    """Keeps what it is shown, and asks for one probe."""

    def bounds(self) -> tuple[float, float]:
        return 0.5, 2.0

    def before(self, state: State, ahead: BeforeRound) -> State:
        ahead.probe([0.7, 1.3], 2, 3)
        return {"temperature": 1.0, "saw": state, "round": ahead.round, "uniform": ahead.uniform}


def round_plan(round: int, **arm) -> RoundPlan:
    return plan_round("arm", Arm(controller=Watching(kind="watching"), **arm), round, 4)


@pytest.mark.parametrize(("seed", "round"), [(1, 3), (1, 4), (2, 3)])
def test_a_controller_has_the_state_that_was_left_the_rounds_number_and_its_own_random_one(
    asked, params, tmp_path, seed, round
):
    write_state(tmp_path, {"temperature": 0.9, "count": 4})
    control = set_controller(asked, PROBLEMS, round_plan(round), tmp_path, seed, params.sampling)
    assert control["saw"] == {"temperature": 0.9, "count": 4}
    assert control["round"] == round
    assert control["uniform"] == response_uniform(seed, f"round {round}", "controller", 0)


def test_an_arm_without_controller_asks_for_nothing(asked, params, tmp_path):
    plan = plan_round("arm", Arm(), 0, 4)
    assert set_controller(asked, PROBLEMS, plan, tmp_path, 1, params.sampling) == {}
    assert not asked.plans


def test_a_controllers_probe_asks_the_rounds_first_problems_cut_as_it_is_and_with_numbers_of_its_own(
    asked, params, tmp_path
):
    plan = round_plan(3, truncation=Truncation(min_p=0.1))
    set_controller(asked, PROBLEMS, plan, tmp_path, 7, params.sampling)
    assert [one.purpose for one in asked.plans] == ["probe 3"] * 2
    assert {(one.seed, one.truncation) for one in asked.plans} == {(7, Truncation(min_p=0.1))}
    identities = [(one.problem_id, one.sample) for one in asked.requests]
    assert identities == [(f"p{problem}", sample) for problem in (0, 1) for sample in range(3)] * 2
    assert [one.rule.temperature for one in asked.requests] == [0.7] * 6 + [1.3] * 6


def test_a_probe_has_the_mean_of_minus_the_log_probs_and_the_mean_of_the_problems_diversities(asked, params):
    plan = RoundPlan(arm="a", round=0, group=[])
    [found] = probe(asked, PROBLEMS, plan, 1, params.sampling, [0.8], 3, 2)
    assert found.entropy == pytest.approx(0.25)
    assert found.diversity == 0.5, "both responses to a problem are the same two 4-grams, whatever the other problems'"
