from mtpipe.evaluate.responses import _settings


def test_a_temperature_of_the_sweep_replaces_a_benchmarks_own(params):
    found = _settings(params, ["same"], 0.3)
    assert found == {"same": params.evaluate.of("same").model_copy(update={"temperature": 0.3})}
