"""Starts vLLM with the settings of params.yaml, and says which of them to change where it does not start."""

import os
from pathlib import Path
from typing import Any

from mtpipe.errors import MtpipeError
from mtpipe.model.nf4 import check_nf4
from mtpipe.sampling.vllm.request import OWN_ENGINE
from mtpipe.settings.model import NF4
from mtpipe.settings.sampling import OWN_ARGUMENTS, Vllm


def quieten() -> None:
    """Defaults of vLLM that suit a pipeline's stage; what the user has set stays.

    One process besides the tensor-parallel ones, so that scheduling does not depend on the timing of messages
    between two; no look at the hub; no usage statistics.
    """
    for name, value in {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
        OWN_ENGINE: "1",
    }.items():
        os.environ.setdefault(name, value)


def start_vllm(folder: Path, options: Vllm, batch_size: int, resting: bool, lora: dict[str, Any]) -> tuple[Any, bool]:
    """vLLM's engine, and whether it can sleep; raises MtpipeError with the setting to change if it does not start.

    Args:
        lora: `lora_arguments`, of which engine_args may change the sizes.
    """
    from vllm.engine.arg_utils import EngineArgs
    from vllm.platforms import current_platform
    from vllm.v1.engine.llm_engine import LLMEngine

    from mtpipe.sampling.vllm.plugin import processors
    from mtpipe.sampling.vllm.policy_worker import PolicyWorker

    if options.quantization == NF4:
        check_nf4()
        import mtpipe.sampling.vllm.nf4  # noqa: F401  # which tells vLLM of it

    on_cpu = current_platform.is_cpu()
    sleeps = resting and current_platform.is_sleep_mode_available()
    cache_gib = options.kv_cache_gib if options.kv_cache_gib is not None else (1.0 if on_cpu else None)
    arguments: dict[str, Any] = {
        "model": str(folder),
        "dtype": options.dtype,
        "quantization": options.quantization,
        "tensor_parallel_size": options.tensor_parallel_size,
        "max_model_len": options.max_model_len,
        "max_num_seqs": batch_size,
        "gpu_memory_utilization": options.gpu_memory_utilization,
        "kv_cache_memory_bytes": None if cache_gib is None else int(cache_gib * 2**30),
        "enforce_eager": options.enforce_eager,
        "logits_processors": processors(),
        "worker_extension_cls": f"{PolicyWorker.__module__}.{PolicyWorker.__qualname__}",
        "generation_config": "vllm",
        "disable_log_stats": True,
        "trust_remote_code": False,
        **({"enable_sleep_mode": True} if sleeps else {}),
    }
    assert arguments.keys() <= OWN_ARGUMENTS, "engine_args could set it too"
    arguments = {"max_num_batched_tokens": max(8192, batch_size), **lora, **arguments, **options.engine_args}
    try:
        engine = LLMEngine.from_engine_args(EngineArgs(**arguments))
    except Exception as error:  # vLLM has no common class for what can go wrong here
        raise MtpipeError(f"vLLM does not start with the policy in {folder}: {_reason(error)}") from error
    if on_cpu:
        from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend

        head_size, known = engine.model_config.get_head_size(), CPUAttentionBackend.get_supported_head_sizes()
        if head_size not in known:
            engine.engine_core.shutdown()
            raise MtpipeError(
                f"{folder}: its attention heads have {head_size} dimensions, and vLLM's CPU build knows "
                f"{', '.join(map(str, known))}; take another model.heads or model.hidden_size, or sampling.engine torch"
            )
    return engine, sleeps


def _reason(error: Exception) -> str:
    """vLLM's own words, and which setting they are about."""
    words = str(error).strip() or type(error).__name__
    if "memory" in words and "cache" in words:
        words += " (in params.yaml, sampling.vllm: max_model_len, kv_cache_gib, gpu_memory_utilization)"
    elif "architectures" in words or "Transformers" in words:
        words += " (sampling.engine torch takes any causal language model of transformers)"
    return words
