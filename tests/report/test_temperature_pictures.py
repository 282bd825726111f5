from types import SimpleNamespace

from mtpipe.report.temperature_pictures import planned_temperatures
from mtpipe.temperature.arm import Arm
from mtpipe.temperature.planning import plan_round


def test_what_a_controller_set_is_shown_as_it_was_sampled():
    arm = Arm.model_validate({"controller": {"kind": "entropy_target"}})
    sampled = {0: [(1.0, 1.0), (1.0, 1.0)], 1: [(0.9, 1.1), (1.2, 1.3)]}
    study = SimpleNamespace(
        params=SimpleNamespace(rounds=[SimpleNamespace(n=0), SimpleNamespace(n=1)]),
        plans={("arm", round): plan_round("arm", arm, round, 2) for round in (0, 1)},
        over_seeds=lambda arm, round: [
            {"temperature_min": low, "temperature_max": high} for low, high in sampled[round]
        ],
    )
    assert planned_temperatures(study, "arm")["set by the controller"].tolist() == [[1.0, 1.0], [0.9, 1.3]]
