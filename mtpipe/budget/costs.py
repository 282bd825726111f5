"""What a study will take: tokens, disk, memory and hours, each a formula over params.yaml and the model's sizes."""

from dataclasses import dataclass
from math import ceil

import pyarrow.parquet as pq

from mtpipe import paths
from mtpipe.budget.model_size import ModelSize
from mtpipe.errors import MtpipeError
from mtpipe.learn.scoring.chunked_head import LOGITS_PER_CHUNK
from mtpipe.params import Params

WEIGHT_BYTES = 4
"""A parameter on disk and in memory: float32."""

FOUR_BIT_BYTES = 0.5 + 4 / 64
"""A parameter in nf4 in memory, with its share of its block's scale."""

ROLLOUT_BYTES = 20
"""A response token in a rollouts file before compression: its id, three float32 numbers, about four characters."""

DRAW_BYTES = 24
"""A vocabulary entry of one row while its token is drawn by top-p on a GPU, its logit included; the most there is.

Without truncation a GPU holds the logits alone, 4 bytes; a CPU computes with a few rows at a time.
"""

LOGIT_BYTES = 16
"""A vocabulary entry of one token in the update: logits, two log-probs and their gradient, float32."""

START_SECONDS = 100.0
"""vLLM from nothing to its first token, the most of "30-100+": blog.vllm.ai, "Zero-Reload Model Switching with vLLM
Sleep Mode", October 2025."""

WAKE_SECONDS = 0.6
"""vLLM from sleep level 2 to its first token, without the reading of weights, after the same source: with it 0.85 s at
0.6e9 parameters and 2.58 s at 4.2e9, which is this and half a second for each 1e9, from bfloat16 files on an A100."""

LOAD_SECONDS = 1.0e-9
"""To read a parameter into vLLM: twice what follows from that source, for our files are float32."""


@dataclass(frozen=True)
class Lengths:
    """Mean tokens of a prompt and of a response, and how many times `sampling.prompts` problems a round draws."""

    prompt: float
    response: float
    draws: float = 1.0


@dataclass(frozen=True)
class Throughput:
    """Response tokens per second of sampling and of the update, and seconds of the warm start; None: unknown."""

    sampling: float | None = None
    update: float | None = None
    warm_start_seconds: float | None = None


def runs(params: Params) -> int:
    """Arms times seeds."""
    return len(params.arms) * len(params.seeds)


def round_responses(params: Params) -> int:
    """Responses of one round of one run, without a refill."""
    return params.sampling.prompts * params.sampling.group_size


def round_tokens(params: Params, lengths: Lengths) -> float:
    """Response tokens of one round of one run."""
    return round_responses(params) * lengths.draws * lengths.response


def evaluation_tokens(params: Params, lengths: Lengths) -> float:
    """Response tokens of one evaluation: all benchmarks, with each one's own number of samples."""
    responses = sum(
        problems * params.evaluate.of(name).samples for name, problems in benchmark_problems(params).items()
    )
    return responses * lengths.response


def benchmark_problems(params: Params) -> dict[str, int]:
    """Each benchmark's number of problems: as prepared, else as params.yaml says.

    Raises MtpipeError if neither tells.
    """
    return {name: _problems(params, name) for name in params.task.benchmark_names}


def _problems(params: Params, benchmark: str) -> int:
    if paths.benchmark(benchmark).is_file():
        return pq.read_metadata(paths.benchmark(benchmark)).num_rows
    if count := params.task.benchmark_size(benchmark):
        return count
    raise MtpipeError(
        f"how many problems benchmark {benchmark!r} has is not known before it is loaded: run `dvc repro prepare` "
        f"first, or give it a count in params.yaml: task.benchmarks.{benchmark}.count"
    )


def evaluations(params: Params) -> int:
    """The warm start's, and each run's after the rounds in `evaluate.after`."""
    return 1 + runs(params) * len(params.evaluate.after)


def sampled_tokens(params: Params, lengths: Lengths) -> float:
    """All response tokens of the study, evaluations included."""
    rounds = runs(params) * len(params.rounds)
    return rounds * round_tokens(params, lengths) + evaluations(params) * evaluation_tokens(params, lengths)


def state_bytes(params: Params, size: ModelSize) -> int:
    """AdamW's two moments: 2 x 4 bytes a trained parameter; in 8 bits 2 x (1 byte + 4 for each block of 256)."""
    if params.update.optimizer == "adamw_8bit":
        return 2 * (size.trained + 4 * ceil(size.trained / 256))
    return 2 * 4 * size.trained


def policy_bytes(params: Params, size: ModelSize) -> int:
    """One policy and its optimizer state after an update: float32 weights, or those of the adapter, and the moments."""
    return WEIGHT_BYTES * size.trained + state_bytes(params, size)


def study_disk(params: Params, size: ModelSize, lengths: Lengths, keep: int | None = None) -> float:
    """Disk of the finished study, in the workspace and the DVC cache together.

    One copy of everything in each of the two (a file system with reflinks shares them): the warm start, for each run
    its round 0 (in the workspace only, the cache has the warm start's), a policy and the rollouts of each round.

    Args:
        keep: `storage.keep`; None removes nothing.
    """
    weights, trained = (WEIGHT_BYTES * count for count in (size.parameters, size.trained))
    rounds = len(params.rounds)
    policies, states = (rounds, rounds) if keep is None else (min(max(keep, 1), rounds), min(keep, rounds))
    start = trained if keep is None or keep > rounds else 0
    rollouts = rounds * round_tokens(params, lengths) * ROLLOUT_BYTES
    of_a_run = start + 2 * (policies * trained + states * state_bytes(params, size) + rollouts)
    return 2 * weights + runs(params) * of_a_run


def running_disk(params: Params, size: ModelSize, lengths: Lengths, keep: int) -> float:
    """The most that a study with `storage.keep` takes while it runs, chains one after the other.

    In the last chain's last update: one policy more than what stays has its weights and its optimizer state there, and
    so has what was written last.
    """
    stay, whole = max(keep, 1), max(keep, 1) + 1
    more = whole * policy_bytes(params, size) - stay * WEIGHT_BYTES * size.trained - keep * state_bytes(params, size)
    return study_disk(params, size, lengths, keep) + 2 * more


def model_bytes(size: ModelSize, number: int) -> float:
    """A loaded model with its adapter, `number` bytes a parameter but for those in 4 bits."""
    return number * (size.parameters - size.in_four_bits + (size.adapter or 0)) + FOUR_BIT_BYTES * size.in_four_bits


def sampling_memory(params: Params, size: ModelSize, lengths: Lengths) -> float:
    """Peak bytes of one sampling process of the embedded engine.

    Weights, the KV cache of a full batch at its longest (2 x layers x key width numbers a token), and the drawing of
    one token a row.
    """
    number = 2 if params.sampling.torch_dtype == "bfloat16" else 4
    rows = min(params.sampling.batch_size, round_responses(params))
    cache = rows * (lengths.prompt + params.sampling.max_new_tokens) * 2 * size.layers * size.key_value
    return model_bytes(size, number) + number * cache + rows * size.vocabulary * DRAW_BYTES


def activation_bytes(size: ModelSize, checkpointing: bool = False) -> int:
    """Bytes that one token leaves for the backward pass of all layers, float32, attention by a fused kernel.

    With gradient checkpointing a layer keeps its input alone, the last norm 2 of the hidden width, and one layer at a
    time the rest.

    Of a layer with two RMS norms, rotary embedding and a gated MLP, in float32 tensors kept: 8 of the hidden width
    (what the norms read and scale, queries, attention's output), 3 of the keys' width, 4 of the MLP's (gate, its
    activation, up, their product); 3 of the hidden width for the last norm. tests/budget holds it against autograd.
    """
    layer = 8 * size.hidden + 3 * size.key_value + 4 * size.intermediate
    if checkpointing:
        return 4 * ((size.layers + 2) * size.hidden + layer)
    return 4 * (size.layers * layer + 3 * size.hidden)


def update_memory(params: Params, size: ModelSize) -> float:
    """Peak bytes of one update process; bfloat16 activations take less, and are not told apart.

    Weights, gradients and the optimizer's state, divided among `update.processes` (FSDP2), and what one micro-batch
    of `update.tokens_per_micro_batch` needs: its layers' activations, and the logits of one chunk of its tokens. Of an
    adapter and its base, the adapter alone has gradients and state.
    """
    numbers = model_bytes(size, WEIGHT_BYTES) + WEIGHT_BYTES * size.trained
    sharded = (numbers + state_bytes(params, size)) / params.update.processes
    tokens = params.update.tokens_per_micro_batch
    logits = min(LOGITS_PER_CHUNK, tokens * size.vocabulary)
    return sharded + tokens * activation_bytes(size, params.update.gradient_checkpointing) + logits * LOGIT_BYTES


def engine_uses(params: Params) -> tuple[int, int]:
    """How often vLLM starts and how often it wakes and reads a policy: one start a chain, as it outlives the stages."""
    return runs(params), runs(params) * len(params.rounds) + evaluations(params)


def engine_hours(params: Params, size: ModelSize) -> float:
    """What starting vLLM, waking it and reading policies takes; 0 for the torch engine."""
    if params.sampling.engine == "torch":
        return 0.0
    starts, loads = engine_uses(params)
    return (starts * START_SECONDS + loads * load_seconds(size)) / 3600


def load_seconds(size: ModelSize) -> float:
    """Seconds for vLLM to wake with a policy; at most, with adapters, whose base waits in host memory."""
    return WAKE_SECONDS + LOAD_SECONDS * size.parameters


def sampling_hours(params: Params, lengths: Lengths, throughput: Throughput) -> float | None:
    """All sampled tokens at the sampling rate; None if the rate is unknown."""
    return sampled_tokens(params, lengths) / throughput.sampling / 3600 if throughput.sampling else None


def update_hours(params: Params, lengths: Lengths, throughput: Throughput) -> float | None:
    """All rounds' response tokens at the update's rate; None if the rate is unknown."""
    tokens = runs(params) * len(params.rounds) * round_tokens(params, lengths)
    return tokens / throughput.update / 3600 if throughput.update else None
