"""What keeps vLLM from starting, and which words and settings the user then reads."""

import json
import shutil

import pytest
from vllm_process import needs_vllm, uneven_policy, vllm_process

from mtpipe.errors import MtpipeError
from mtpipe.sampling import opening as engines

pytestmark = pytest.mark.slow


def start(folder, options) -> str:
    """The error of starting vLLM, in this process."""
    from vllm.distributed import cleanup_dist_env_and_memory

    from mtpipe.sampling.vllm.vllm_engine import VllmEngine

    try:
        VllmEngine(folder, options, 4)
    except MtpipeError as error:
        return str(error)
    finally:
        cleanup_dist_env_and_memory()
    return "it started"


@pytest.fixture
def fault():
    return lambda folder, options: vllm_process().submit(start, folder, options).result(timeout=300)


@needs_vllm
def test_a_model_that_no_library_knows_is_named_before_vllm_starts(fault, folder, params, tmp_path):
    shutil.copytree(folder, tmp_path / "policy")
    config = json.loads((folder / "config.json").read_text())
    config |= {"architectures": ["NoSuchModelForCausalLM"], "model_type": "no_such_model"}
    (tmp_path / "policy" / "config.json").write_text(json.dumps(config))
    message = fault(tmp_path / "policy", params.sampling.vllm)
    assert f"{tmp_path / 'policy'} is not readable as a checkpoint" in message
    assert "no_such_model" in message


@needs_vllm
def test_heads_of_a_size_that_the_cpu_build_does_not_know(fault, params, tmp_path):
    message = fault(uneven_policy(tmp_path, params, seed=0, heads=4), params.sampling.vllm)
    assert "its attention heads have 16 dimensions" in message
    assert "take another model.heads" in message


@needs_vllm
def test_too_little_memory_for_the_cache_names_the_settings(fault, folder, params):
    message = fault(folder, params.sampling.vllm.model_copy(update={"kv_cache_gib": 40 * 1024 / 2**30}))
    assert "memory" in message
    assert "sampling.vllm: max_model_len, kv_cache_gib" in message


@needs_vllm
def test_an_argument_that_vllm_does_not_have_is_named(fault, folder, params):
    asked = params.sampling.vllm.model_copy(update={"engine_args": {"max_num_sequences": 3}})
    assert "max_num_sequences" in fault(folder, asked)


def test_where_vllm_is_missing_the_error_says_how_to_install_it(params, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    asked = params.sampling.model_copy(update={"engine": "vllm"})
    with (
        pytest.raises(MtpipeError, match="vLLM is missing; install it with `make setup-vllm`"),
        engines.open_engine(tmp_path, asked, params.compute, params.ray),
    ):
        pass


def test_auto_takes_torch_where_there_is_no_cuda_device(params, policy_folder):
    cpu = params.compute.model_copy(update={"device": "cpu"})
    auto = params.sampling.model_copy(update={"engine": "auto"})
    with engines.open_engine(policy_folder, auto, cpu, params.ray) as engine:
        assert type(engine).__name__ == "TorchEngine"
