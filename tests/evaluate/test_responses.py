import pytest

from mtpipe.errors import MtpipeError
from mtpipe.evaluate.responses import _settings
from mtpipe.params import EvaluationOverrides


def test_a_benchmark_that_there_is_not_is_refused_by_name(params):
    settings = params.evaluate.model_copy(update={"benchmarks": {"longr": EvaluationOverrides(samples=2)}})
    with pytest.raises(MtpipeError, match=r"evaluate\.benchmarks has an entry 'longr'; .* are same, longer"):
        _settings(params.model_copy(update={"evaluate": settings}), ["same", "longer"], None)


def test_a_temperature_of_the_sweep_replaces_a_benchmarks_own(params):
    found = _settings(params, ["same"], 0.3)
    assert found == {"same": params.evaluate.of("same").model_copy(update={"temperature": 0.3})}
