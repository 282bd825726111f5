"""How a round's rollouts are sampled, and by which engine."""

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from mtpipe.settings.base import Settings
from mtpipe.settings.model import NF4

LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM 0.32 takes for max_lora_rank."""

ADAPTERS_AT_ONCE = 4
"""Of a vLLM engine that the stages of several chains use at a time."""

OWN_ARGUMENTS = {
    "model",
    "dtype",
    "quantization",
    "tensor_parallel_size",
    "max_model_len",
    "max_num_seqs",
    "gpu_memory_utilization",
    "kv_cache_memory_bytes",
    "enforce_eager",
    "logits_processors",
    "worker_extension_cls",
    "generation_config",
    "disable_log_stats",
    "trust_remote_code",
    "enable_sleep_mode",
}
"""Arguments of vLLM that `mtpipe.sampling.vllm.starting` sets, by other settings or for the rule's sake."""
_REFUSED = {"speculative_config", "runner", "tokenizer", "skip_tokenizer_init", "enable_lora", "data_parallel_size"}
"""Further ones, under which the rule, or the record of it, would not hold."""


def max_lora_rank(rank: int) -> int:
    """What vLLM has to be started with for an adapter of this rank; beyond the largest the rank, which vLLM refuses."""
    return next((size for size in LORA_RANKS if size >= rank), rank)


class Vllm(Settings):
    """What the vLLM engine is started with; sampling.engine torch reads none of it."""

    dtype: Literal["float32", "bfloat16", "float16", "auto"] = Field(
        default="float32", description="of weights and activations"
    )
    quantization: str | None = Field(
        default=None, description="one of vLLM's methods, fp8 say, or nf4 for an adapter's base; null for none"
    )
    tensor_parallel_size: int = Field(default=1, ge=1, description="processes that share each layer, one a GPU")
    data_parallel: int = Field(
        default=1,
        ge=1,
        description="engines on this machine that share the responses, each on its own tensor_parallel_size GPUs",
    )
    max_model_len: int | None = Field(
        default=None, description="tokens of prompt and response; null takes the model's own limit"
    )
    gpu_memory_utilization: float = Field(
        default=0.85, gt=0, le=1, description="share of each GPU's memory that vLLM may take"
    )
    kv_cache_gib: float | None = Field(
        default=None, gt=0, description="GiB for the KV cache; null: what the share leaves (CPU: 1)"
    )
    enforce_eager: bool = Field(default=True, description="no compilation: slower tokens, faster start")
    engine_args: dict[str, Any] = Field(
        default={}, description="further arguments of vLLM's EngineArgs, by their names there"
    )

    @field_validator("engine_args")
    @classmethod
    def _leave_the_rest(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(arguments.keys() & (OWN_ARGUMENTS | _REFUSED)):
            raise ValueError(
                f"may not set {', '.join(taken)}, which mtpipe sets itself or cannot do without; remove it"
            )
        rank = arguments.get("max_lora_rank", LORA_RANKS[0])
        if type(rank) is not int or rank not in LORA_RANKS:
            raise ValueError(f"max_lora_rank is {rank!r}; expected one of {', '.join(map(str, LORA_RANKS))}")
        return arguments

    @property
    def devices(self) -> int:
        """The GPUs that it takes."""
        return self.tensor_parallel_size * self.data_parallel


class EngineSettings(Settings):
    """The engine that samples rollouts and evaluations."""

    engine: Literal["torch", "vllm", "auto"] = Field(
        default="torch", description="auto: vllm where it and a CUDA device are there"
    )
    torch_dtype: Literal["float32", "bfloat16"] = Field(
        default="float32", description="the torch engine's weights and activations; the draw computes in float32"
    )
    vllm: Vllm = Vllm()
    batch_size: int = Field(
        default=2048, ge=1, description="responses sampled at once; changes speed and memory, not results"
    )

    @property
    def precisions(self) -> set[str]:
        """What the engine may compute in: float32, or another type; weights in nf4 are the update's too."""
        of_torch: str = self.torch_dtype
        quantization = self.vllm.quantization
        of_vllm = self.vllm.dtype if quantization in (None, NF4) else str(quantization)
        return {"torch": {of_torch}, "vllm": {of_vllm}, "auto": {of_torch, of_vllm}}[self.engine]


class ResponseLength(Settings):
    """How long responses may become."""

    max_new_tokens: int = Field(default=48, ge=1)


class ResponseSampling(ResponseLength, EngineSettings):
    """An engine, and how long its responses may become."""


class Refill(Settings):
    """Dynamic sampling: further problems in the place of groups whose rewards are equal (DAPO, arXiv 2503.14476)."""

    until: Literal["prompts"] = Field(description="the round has so many groups with differing rewards")
    at_most: int = Field(ge=1, description="times sampling.prompts problems are drawn in a round; 1: never refilled")


class RoundSize(ResponseLength):
    """How many problems and responses a round has, and how long these may become."""

    prompts: int = Field(default=256, ge=1, description="training problems a round")
    group_size: int = Field(default=8, ge=2, description="responses a problem; advantages compare them with each other")
    refill: Refill | None = Field(default=None, description="null: no dynamic sampling")

    @property
    def most_prompts(self) -> int:
        """The problems that a round may draw."""
        return self.prompts * (self.refill.at_most if self.refill else 1)


class Sampling(RoundSize, ResponseSampling):
    """The rollouts of one round."""


class Ray(Settings):
    """Sampling on several processes or machines, which changes speed and no result."""

    changes_results: ClassVar[bool] = False

    workers: int | None = Field(
        default=None, ge=1, description="engines that sample at once, each a process of Ray's; null: without Ray"
    )
    address: str | None = Field(
        default=None, description="of a running Ray cluster, auto say; null starts one on this machine"
    )
