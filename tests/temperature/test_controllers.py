"""Controllers against made-up responses of a policy to temperature, without a model."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtpipe.temperature.arm import Arm
from mtpipe.temperature.controllers import CONTROLLERS
from mtpipe.temperature.controllers.controller import AfterRound, BeforeRound, Probed, State
from mtpipe.temperature.controllers.probing import crossing
from mtpipe.temperature.controllers.state import read_state, write_state
from mtpipe.temperature.controllers.tampo import distribution, sparsemax, top_p
from mtpipe.temperature.controllers.turning_point import turning_point
from mtpipe.temperature.planning import plan_round

SETTINGS = {
    "entropy_target": {"target": 0.4},
    "tempered_entropy": {},
    "stage_diversity": {"every": 3},
    "turning_point": {"every": 2},
    "tampo": {},
}
Response = Callable[[int, float], float]
"""Something of the made-up policy, as a function of the round and the temperature."""


def made(kind: str, **changes):
    return CONTROLLERS[kind].model_validate({"kind": kind, **SETTINGS[kind], **changes})


def run(controller, rounds: int, entropy: Response, kept=lambda state: state) -> list[State]:
    """The states that the rounds are sampled with; `kept` is what becomes of a state between two rounds."""
    state: State = {}
    states = []
    for round in range(rounds):

        def probe(temperatures, problems, responses, round=round):
            return [Probed(entropy(round, T), 1 - math.exp(-entropy(round, T))) for T in temperatures]

        state = controller.before(kept(state), BeforeRound(round, (round * 0.618) % 1, probe))
        states.append(state)
        T = state["temperature"]
        # responses drawn at high temperatures are likelier there; those near 1.2 are rewarded
        advantages = [math.exp(-((1.2 - T) ** 2) / 0.02) - 0.5, 0.1]
        logprobs = lambda candidates, T=T: [[-5 * (C - T) ** 2 for C in candidates]] * 2  # noqa: E731
        state = controller.after(state, AfterRound(entropy(round, T), 16, advantages, logprobs))
    return states


def sharpening(round: int, T: float) -> float:
    """A policy whose entropy falls by a hundredth a round at every temperature."""
    return 0.3 * 0.99**round * T**1.5


def test_every_controller_of_the_table_is_tested():
    assert SETTINGS.keys() == CONTROLLERS.keys()


def test_the_entropy_target_is_reached_and_held():
    still = run(made("entropy_target"), 60, lambda round, T: 0.3 * T**1.5)
    assert 0.3 * still[-1]["temperature"] ** 1.5 == pytest.approx(0.4, abs=1e-4)
    falling = run(made("entropy_target"), 60, sharpening)
    assert sharpening(59, falling[-1]["temperature"]) == pytest.approx(0.4, abs=0.02)


def test_an_entropy_target_that_falls_is_followed_down_its_line_and_then_held():
    policy = lambda round, T: 0.3 * T**1.5  # noqa: E731
    states = run(made("entropy_target", end=0.2, over=40), 90, policy)
    found = [policy(0, state["temperature"]) for state in states]
    assert found[30] == pytest.approx(0.4 - 0.2 * 30 / 40, abs=0.02), "one step behind the line"
    assert found[-1] == pytest.approx(0.2, abs=1e-4)
    first = run(made("entropy_target", target=None, end=0.2, over=40), 90, policy)
    assert first[1]["temperature"] == first[0]["temperature"], "the line begins at the first round's entropy"
    assert policy(0, first[-1]["temperature"]) == pytest.approx(0.2, abs=1e-4)


def test_one_step_of_the_entropy_target_by_hand():
    controller = made("entropy_target", target=None)
    first = controller.after({"temperature": 1.0, "target": None}, AfterRound(0.5, 16, [], list))
    assert first == {"temperature": 1.0, "target": 0.5}, "the first round's entropy is the target"
    # ln 16 + ln ln 16 = 3.79237; 1 + 1 * ln 2 / 3.79237 = 1.18277
    assert controller.after(first, AfterRound(0.25, 16, [], list))["temperature"] == pytest.approx(1.18277, abs=1e-5)


def test_the_tempered_entropy_is_met_in_every_round():
    for round, state in enumerate(run(made("tempered_entropy", target=0.25), 20, sharpening)):
        assert sharpening(round, state["temperature"]) == pytest.approx(0.25, abs=2e-3)


def test_the_first_stages_diversity_comes_back_at_the_start_of_each_stage():
    states = run(made("stage_diversity", every=5), 15, sharpening)
    for stage in (0, 5, 10):
        temperatures = {state["temperature"] for state in states[stage : stage + 5]}
        assert len(temperatures) == 1
        assert sharpening(stage, temperatures.pop()) == pytest.approx(0.3, abs=2e-3)
    assert states[10]["temperature"] > states[5]["temperature"] > states[0]["temperature"] == 1.0


def test_the_turning_point_is_where_the_logarithm_of_the_entropy_turns_convex():
    grid = [0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6]
    exploding = [T * math.exp(4 * max(0.0, T - 1.0) ** 2) for T in grid]
    assert turning_point(grid, exploding) == 1.0, "the first difference that grows is from 1.0 to 1.2"
    assert turning_point(grid, [T**0.5 for T in grid]) == 1.6, "concave all along"
    # on an uneven grid slopes count, not differences: ln H is a straight line, then bends up at 1.0
    assert turning_point([0.5, 0.6, 1.0, 1.1], [math.exp(v) for v in (0.5, 0.6, 0.98, 1.4)]) == 1.0


def test_the_turning_point_is_searched_once_unless_told_otherwise():
    calls = []

    def counted(round, T):
        calls.append(round)
        return T

    run(made("turning_point", every=None), 6, counted)
    assert len([round for round in set(calls)]) == 6, "each round has its own entropy"
    assert calls.count(0) > 3 * calls.count(1), "only round 0 probed the grid"


def test_tampo_finds_the_temperature_that_earns_reward():
    states = run(made("tampo", rate=0.3), 200, sharpening)
    last = states[-1]["probabilities"]
    assert made("tampo").candidates[int(np.argmax(last))] == pytest.approx(1.2, abs=0.11)
    early, late = (np.mean([abs(s["temperature"] - 1.2) for s in part]) for part in (states[:10], states[-50:]))
    assert late < early


def test_sparsemax_distribution_and_draw_by_hand():
    found = sparsemax(np.array([[1.0, 0.5, -1.0], [0.0, 0.0, 0.0], [3.0, 1.0, 0.0]]))
    assert found.tolist() == pytest.approx(np.array([[0.75, 0.25, 0.0], [1 / 3] * 3, [1.0, 0.0, 0.0]]))
    assert distribution(np.array([1.0, 3.0, 2.0])).tolist() == pytest.approx([0.0, 2 / 3, 1 / 3])
    assert distribution(np.zeros(4)).tolist() == [0.25] * 4
    assert top_p(np.array([0.1, 0.5, 0.4]), 0.7).tolist() == pytest.approx([0.0, 5 / 9, 4 / 9])
    assert top_p(np.array([0.1, 0.8, 0.1]), 0.7).tolist() == [0.0, 1.0, 0.0]
    assert top_p(np.full(4, 0.25), 0.7).tolist() == [0.25] * 4, "no candidate is left out for its place in the list"


def test_tampos_scores_move_by_its_rate_towards_those_that_explain_what_earned_advantage():
    controller = made("tampo", candidates=[0.8, 1.2], rate=0.1)
    sampled = AfterRound(0.5, 16, [1.0, 3.0], lambda candidates: [[9.0, 0.0], [0.0, 9.0]])
    after = controller.after({"temperature": 0.8, "scores": [1.0, 0.0]}, sampled)
    assert after["scores"] == pytest.approx([0.9 * 1.0 + 0.1 * 0.5, 0.1 * 1.5])


@pytest.mark.parametrize(
    ("uniform", "temperature"), [(0.0, 1.0), (0.55, 1.0), (0.56, 1.2), (0.9999, 1.2)], ids=["0", "0.55", "0.56", "1"]
)
def test_tampo_draws_by_the_rounds_number_among_the_likeliest_alone(uniform, temperature):
    """Scores 1, 6, 5 have the probabilities 0, 5/9 and 4/9; the fourth, 0.5, is beyond the likeliest 95 %."""
    controller = made("tampo", candidates=[0.8, 1.0, 1.2, 1.4], top_p=0.95)
    state = controller.before({"scores": [1.0, 6.0, 5.0, 1.4]}, BeforeRound(3, uniform, lambda *_: []))
    assert state["temperature"] == temperature
    assert state["probabilities"] == pytest.approx([0.0, 5 / 9, 4 / 9, 0.0])


@pytest.mark.parametrize("kind", ["tempered_entropy", "stage_diversity", "turning_point"])
def test_a_probe_asks_so_many_problems_and_so_many_responses_of_each(kind):
    asked = []

    def probe(temperatures, problems, responses):
        asked.append((len(temperatures), problems, responses))
        return [Probed(T, T) for T in temperatures]

    controller = made(kind, grid=[0.7, 1.0, 1.3], problems=5, responses=3, every=1)
    state = controller.before({}, BeforeRound(0, 0.5, probe))
    controller.before(state, BeforeRound(1, 0.5, probe))
    assert asked[-1] == (3, 5, 3)
    assert {(problems, responses) for _, problems, responses in asked} == {(5, 3)}


def test_a_crossing_lies_on_the_line_between_its_neighbours_and_never_outside_the_grid():
    assert crossing([0.6, 1.0, 1.4], [0.1, 0.2, 0.4], 0.3) == pytest.approx(1.2)
    assert crossing([0.6, 1.0, 1.4], [0.1, 0.2, 0.4], 0.05) == 0.6
    assert crossing([0.6, 1.0, 1.4], [0.1, 0.2, 0.4], 0.5) == 1.4
    assert crossing([0.6, 1.0, 1.4], [0.1, 0.3, 0.2], 0.2) == pytest.approx(0.8), "the first of several"


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_run_that_was_interrupted_between_rounds_has_the_same_states(kind, tmp_path):
    def through_a_file(state: State) -> State:
        if state:
            write_state(tmp_path, state)
        return read_state(tmp_path)

    assert run(made(kind), 8, sharpening, kept=through_a_file) == run(made(kind), 8, sharpening)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SETTINGS)
@settings(max_examples=30)
@given(entropies=st.lists(st.floats(0, 5), min_size=1, max_size=12))
def test_no_entropy_drives_a_controller_out_of_its_bounds(kind, entropies):
    controller = made(kind)
    low, high = controller.bounds()
    for state in run(controller, 10, lambda round, T: entropies[(round + int(10 * T)) % len(entropies)]):
        assert low <= state["temperature"] <= high


def resolved(arm: dict):
    return plan_round("arm", Arm.model_validate(arm), 2, 2)


def test_a_spreads_offsets_go_on_top_of_the_controllers_temperature():
    plan = resolved({"controller": {"kind": "entropy_target"}, "spread": {"offsets": [-0.1, 0.1]}})
    at = plan.at({"temperature": 1.2})
    assert [at.group.response(sample, 0.5).base for sample in (0, 1)] == pytest.approx([1.1, 1.3])
    assert at.controller is None
    assert type(plan).model_validate_json(plan.model_dump_json()) == plan
    assert resolved({}).at({}) == resolved({})


@pytest.mark.parametrize(
    ("arm", "reason"),
    [
        (
            {"controller": {"kind": "entropy"}},
            "no controller has the kind 'entropy'; expected a mapping with one of entropy_target",
        ),
        ({"controller": {"kind": "entropy_target", "end": 0.3}}, "end and over go together"),
        ({"controller": {"kind": "entropy_target", "targt": 0.3}}, "unknown key 'targt'; did you mean 'target'"),
        (
            {"controller": {"kind": "tampo"}, "schedule": {"kind": "constant", "value": 1.0}},
            "a controller sets the temperature that a schedule would set",
        ),
        (
            {"controller": {"kind": "tampo"}, "spread": {"temperatures": [0.7, 1.1]}},
            "absolute spread temperatures leave the controller no effect",
        ),
        (
            {
                "controller": {"kind": "tampo"},
                "token": {"kind": "entropy_threshold", "low": 1, "high": 1.2, "threshold": {"nats": 0.4}},
            },
            "tampo asks how likely a response was at one temperature for all of its tokens",
        ),
        ({"controller": {"kind": "tempered_entropy", "grid": [1.0, 0.9]}}, "the temperatures have to ascend"),
        (
            {"controller": {"kind": "entropy_target", "lowest": 0.2, "start": 1.0}, "spread": {"offsets": [-0.3, 0.3]}},
            "arm 'arm', round 2: it comes to a temperature of -0.1",
        ),
    ],
)
def test_what_makes_no_sense_with_a_controller_is_refused_with_the_reason(arm, reason):
    with pytest.raises(ValueError, match=reason):
        resolved(arm)
