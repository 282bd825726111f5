import pytest

from mtpipe.sampling.set_controller import diversity, probe
from mtpipe.sampling.torch_engine import TorchEngine
from mtpipe.temperature.round_plan import RoundPlan

PROBLEMS = [
    {"problem_id": prompt, "prompt": prompt, "meta": "{}"}
    for prompt in ("2+9*3-4>", "1+2>", "3*3*3>", "8-1>", "7-5+1>")
]


@pytest.fixture
def probed(policy, params):
    def at(temperatures, batch_size=100, asked=4, seed=0, round=0):
        plan = RoundPlan(arm="uniform", round=round, group=[])
        settings = params.sampling.model_copy(update={"max_new_tokens": 12, "batch_size": batch_size})
        return probe(TorchEngine(policy), PROBLEMS, plan, seed, settings, temperatures, asked, 4)

    return at


def test_hotter_responses_have_more_entropy_and_are_more_diverse(probed):
    cold, middle, hot = probed([0.3, 1.0, 2.0])
    assert cold.entropy < middle.entropy < hot.entropy
    assert cold.diversity < hot.diversity


@pytest.mark.slow
def test_a_probe_depends_on_neither_the_batch_size_nor_the_other_temperatures(probed):
    whole = probed([0.5, 1.0])
    for one, other in zip(whole, probed([0.5, 1.0], batch_size=3), strict=True):
        assert one.entropy == pytest.approx(other.entropy, abs=1e-5)
        assert one.diversity == pytest.approx(other.diversity)
    assert probed([1.0]) == whole[1:]
    assert probed([1.0], seed=1) != whole[1:]
    assert probed([1.0], round=1) != whole[1:]


def test_diversity_by_hand():
    # 1234, 2345 and 1234, 2346: three of four differ; a response of two tokens counts as one
    assert diversity([[1, 2, 3, 4, 5], [1, 2, 3, 4, 6]]) == 0.75
    assert diversity([[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]) == 0.5
    assert diversity([[1, 2], [1, 2], [1, 3]]) == pytest.approx(2 / 3)
