"""The budget as a table to read before a study starts."""

from dataclasses import dataclass
from pathlib import Path

from mtpipe.budget import costs
from mtpipe.budget.costs import Lengths, Throughput
from mtpipe.budget.measured import (
    expected_draws,
    measured_prompt_length,
    measured_response_length,
    measured_throughput,
)
from mtpipe.budget.model_size import ModelSize, model_size, read_config
from mtpipe.hub import checkpoint_folder
from mtpipe.model.policy import new_config
from mtpipe.params import Params
from mtpipe.text_table import aligned

_ASSUMED_PROMPT = 200.0


@dataclass(frozen=True)
class Given:
    """What the command line says; None leaves it to the files of finished rounds, or to an assumption."""

    config: Path | None = None
    prompt_tokens: float | None = None
    response_tokens: float | None = None
    sampling_rate: float | None = None
    update_rate: float | None = None


def study_model(params: Params, config: Path | None = None) -> tuple[ModelSize, Path]:
    """The sizes of the study's model, and the file or folder that has them; `config` is another model's."""
    if config or params.model.checkpoint:
        source = config or checkpoint_folder(str(params.model.checkpoint))
        return model_size(read_config(source), params.model.lora), source
    vocabulary = params.task.vocabulary
    new = new_config(params.model, vocabulary.characters, vocabulary.max_positions)
    return model_size(new, params.model.lora), Path("params.yaml")


def format_budget(params: Params, given: Given) -> str:
    """Tokens, disk, memory and hours of the study in params.yaml; the formulas are in mtpipe/budget/costs.py."""
    size, source = study_model(params, given.config)
    prompt, prompt_from = _first(
        (given.prompt_tokens, "given"), (measured_prompt_length(params), "measured"), (_ASSUMED_PROMPT, "assumed")
    )
    response, response_from = _first(
        (given.response_tokens, "given"),
        (measured_response_length(params), "measured"),
        (float(params.sampling.max_new_tokens), "sampling.max_new_tokens, the most there can be"),
    )
    draws, drawn = expected_draws(params)
    lengths = Lengths(prompt, response, draws)
    measured = measured_throughput(params)
    rate = Throughput(
        given.sampling_rate or measured.sampling, given.update_rate or measured.update, measured.warm_start_seconds
    )
    rounds = costs.runs(params) * len(params.rounds)
    keep = 1 if params.storage.keep is None else params.storage.keep
    sampling, update = costs.sampling_hours(params, lengths, rate), costs.update_hours(params, lengths, rate)
    warm_start = None if rate.warm_start_seconds is None else rate.warm_start_seconds / 3600
    # Clocks of finished rounds have the engine's starts and loads in them.
    engine = costs.engine_hours(params, size) if given.sampling_rate or measured.sampling is None else 0.0
    known = [hours for hours in (sampling, update, warm_start, engine) if hours is not None]
    state = "AdamW state in 8 bits" if params.update.optimizer == "adamw_8bit" else "AdamW state"
    processes = params.update.processes
    sections = {
        "Model and study": [
            ("parameters", f"{size.parameters:,}", f"{source}: {size.layers} layers, vocabulary {size.vocabulary:,}"),
            *_adapter_row(params, size),
            (
                "rounds",
                f"{rounds:,}",
                f"{len(params.arms)} arms x {len(params.seeds)} seeds x {len(params.rounds)} rounds",
            ),
            ("responses a round", f"{costs.round_responses(params) * draws:,.0f}", drawn),
            ("tokens a prompt", f"{prompt:,.0f}", prompt_from),
            ("tokens a response", f"{response:,.0f}", response_from),
        ],
        "Tokens": [
            ("one round", _count(costs.round_tokens(params, lengths)), "response tokens of one arm and seed"),
            ("one evaluation", _count(costs.evaluation_tokens(params, lengths)), "all benchmarks"),
            (
                "sampled in all",
                _count(costs.sampled_tokens(params, lengths)),
                f"{rounds} rounds, {costs.evaluations(params)} evaluations",
            ),
        ],
        "Disk": [
            (
                "one policy",
                bytes_text(costs.policy_bytes(params, size)),
                f"float32 {'adapter' if size.adapter else 'weights'} and {state}",
            ),
            ("nothing removed", bytes_text(costs.study_disk(params, size, lengths)), "workspace and DVC cache"),
            (
                "old policies removed",
                bytes_text(costs.study_disk(params, size, lengths, keep)),
                f"storage.keep: {keep}"
                + (" (params.yaml has null), with `mtpipe run`" if params.storage.keep is None else ""),
            ),
            (
                "while it runs",
                bytes_text(costs.running_disk(params, size, lengths, keep)),
                "the same at its most, chains one after the other",
            ),
        ],
        "Memory at its peak, a process": [
            (
                "sampling",
                bytes_text(costs.sampling_memory(params, size, lengths)),
                f"batches of {params.sampling.batch_size}: sampling.batch_size",
            ),
            (
                "update",
                bytes_text(costs.update_memory(params, size)),
                f"micro-batches of {params.update.tokens_per_micro_batch} tokens: update.tokens_per_micro_batch"
                + (f"; {processes} processes share weights and state" if processes > 1 else ""),
            ),
        ],
        "Hours": [
            ("warm start", _hours(warm_start), "measured" if warm_start is not None else "unknown before it has run"),
            ("sampling", _hours(sampling), _rate(rate.sampling, "--sampling-rate")),
            *_engine_row(params, size, engine),
            ("updates", _hours(update), _rate(rate.update, "--update-rate")),
            ("in all", _hours(sum(known) if known else None), "one after the other, of what is known"),
        ],
    }
    below = iter(aligned([row for rows in sections.values() for row in rows], right=[1]))
    lines = []
    for title, rows in sections.items():
        lines += [title, *(f"  {next(below)}" for _ in rows), ""]
    lines.append("1 GB is 10^9 bytes. Memory leaves out what the libraries take themselves.")
    return "\n".join(lines)


def _adapter_row(params: Params, size: ModelSize) -> list[tuple[str, str, str]]:
    if size.adapter is None or params.model.lora is None:
        return []
    return [("trained", f"{size.adapter:,}", f"an adapter of rank {params.model.lora.rank}; the base is stored once")]


def _engine_row(params: Params, size: ModelSize, hours: float) -> list[tuple[str, str, str]]:
    if not hours:
        return []
    starts, loads = costs.engine_uses(params)
    each = f"{starts:,} starts of {costs.START_SECONDS:.0f} s and {loads:,} loads of {costs.load_seconds(size):.1f} s"
    return [("vLLM", _hours(hours), f"{each}, after published figures (mtpipe/budget/costs.py)")]


def _first(*candidates: tuple[float | None, str]) -> tuple[float, str]:
    return next((value, origin) for value, origin in candidates if value is not None)


def _count(tokens: float) -> str:
    return f"{tokens:,.0f}"


def bytes_text(count: float) -> str:
    """A number of bytes in MB or GB of 10^9."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def _hours(hours: float | None) -> str:
    return "?" if hours is None else f"{hours:,.2f}"


def _rate(tokens_per_second: float | None, flag: str) -> str:
    if tokens_per_second is None:
        return f"unknown; give response tokens per second with {flag}"
    return f"at {tokens_per_second:,.0f} response tokens per second"
