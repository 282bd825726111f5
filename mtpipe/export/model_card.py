"""The card of an exported policy: what it comes from, how it was trained, and what it scores."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mtpipe import paths
from mtpipe.evaluate.judged import read_judged
from mtpipe.files import read_json
from mtpipe.hub import hub_revision
from mtpipe.model.adapter_folder import AdapterBase, adapter_rank, is_adapter
from mtpipe.params import Params, differences
from mtpipe.settings.sampling import max_lora_rank
from mtpipe.statistics.intervals import Estimate, estimate_means
from mtpipe.tracking.description import describe_temperatures

_TRAINING = ("task", "model", "warm_start", "sampling", "reward", "update")


def model_card(params: Params, arm: str, seed: int, round: int, policy: Path, as_adapter: bool) -> str:
    """Markdown with front matter as model hubs read it.

    Args:
        policy: its folder in the project.
        as_adapter: whether the exported folder has an adapter alone.

    Raises MtpipeError if an evaluation that params.yaml asks for cannot be read.
    """
    base = params.model.checkpoint
    sources = read_json(paths.SOURCES) if paths.SOURCES.is_file() else []
    lines = ["---", "pipeline_tag: text-generation", f"library_name: {'peft' if as_adapter else 'transformers'}"]
    lines += [f"base_model: {json.dumps(_short(base))}"] if base else []
    hub = sorted({source["hub"] for source in sources if source.get("hub") and source["role"] == "training"})
    lines += ["datasets:", *(f"- {json.dumps(name)}" for name in hub)] if hub else []
    lines += ["tags:", *(f"- {tag}" for tag in ("reinforcement-learning", "mtpipe", *(["lora"] * as_adapter))), "---"]
    lines += ["", f"# {params.tracking.experiment}: arm {arm}, seed {seed}, after {round} rounds", ""]
    lines += [
        "Trained by reinforcement learning with verifiable rewards, at sampling temperatures that are controlled "
        "over rounds, responses and tokens, with mtpipe.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {_cell(value)} |" for name, value in _origin(params, arm, policy)),
    ]
    lines += ["", "## Data", "", *_data(params, sources)]
    lines += ["", "## Scores", "", *_scores(params, arm, seed, round)]
    lines += ["", "## Settings", "", *_settings(params, arm)]
    lines += ["", "## Use", "", *_use(policy, as_adapter), ""]
    return "\n".join(lines)


def _origin(params: Params, arm: str, policy: Path) -> Iterator[tuple[str, str]]:
    base, model = params.model.checkpoint, params.model
    yield "base", _short(base) if base else f"a new Qwen2, hidden size {model.hidden_size}, {model.layers} layers"
    if base and (revision := hub_revision(base)):
        yield "the hub's revision of it", revision
    steps = params.warm_start.steps
    yield "warm start", f"{steps} supervised steps on worked answers" if steps else "none"
    if is_adapter(policy):
        its_base = AdapterBase.read(policy)
        in_four_bits = f", on a base in {its_base.quantization}" if its_base.quantization else ""
        yield "adapter", f"LoRA of rank {adapter_rank(policy)}{in_four_bits}"
        yield "SHA-256 of the adapter's base", its_base.sha256
    yield "temperatures", describe_temperatures(params.temperature[arm].model_dump(mode="json", exclude_none=True))
    responses = params.sampling.prompts * params.sampling.group_size
    yield "a round", f"{responses:,} responses to {params.sampling.prompts:,} problems"
    yield "learning rate", f"{params.update_of(arm).learning_rate:g}"


def _data(params: Params, sources: list[dict[str, Any]]) -> Iterator[str]:
    if not sources:
        yield f"Problems of the task `{params.task.name}`, generated from a seed (`task` in params.yaml)."
        return
    keys = [
        key
        for key in ("name", "role", "hub", "revision", "rows", "kept", "digest")
        if any(row.get(key) for row in sources)
    ]
    yield f"| {' | '.join(keys)} |"
    yield "|---" * len(keys) + "|"
    for row in sources:
        yield f"| {' | '.join(_cell(row.get(key) or '') for key in keys)} |"


def _scores(params: Params, arm: str, seed: int, round: int) -> Iterator[str]:
    """This policy's, and the warm start's; intervals are over problems, as both are single policies."""
    files = {0: paths.WARM_START_EVALUATION} | {
        after: paths.evaluation(arm, seed, after) for after in params.evaluate.after
    }
    if not files.get(round, paths.DATA / "none").is_file():
        yield f"This policy was not evaluated; `evaluate.after` is {params.evaluate.after}."
        return
    own = _means(params, files[round])
    start = _means(params, paths.WARM_START_EVALUATION) if paths.WARM_START_EVALUATION.is_file() else {}
    yield "| benchmark | problems | samples | temperature | mean share correct | warm start |"
    yield "|---|---|---|---|---|---|"
    for name in [name for name in params.task.benchmark_names if name in own]:
        found, settings = own[name], params.evaluate.of(name)
        yield (
            f"| {name} | {found.problems} | {settings.samples} | {settings.temperature:g} | {_interval(found)} | "
            f"{_interval(start[name]) if name in start else '–'} |"
        )
    yield ""
    yield (
        f"Intervals of {params.report.confidence:.0%}, over problems: they say how far this one policy's mean would "
        f"move on other problems, and nothing about other training runs."
    )


def _means(params: Params, file: Path) -> dict[str, Estimate]:
    judged = read_judged(file, lambda name: params.evaluate.of(name).samples)
    return {
        name: estimate_means(found.correct.mean(1, dtype=float)[None, None], params.report.confidence)[0]
        for name, found in judged.items()
    }


def _interval(found: Estimate) -> str:
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _settings(params: Params, arm: str) -> Iterator[str]:
    changed = [*differences(params, _TRAINING)]
    own = params.temperature[arm].update
    changed += [(f"temperature.{arm}.update", "–", json.dumps(own))] if own else []
    if not changed:
        yield "Those that mtpipe is shipped with."
        return
    yield "Where they are others than mtpipe is shipped with:"
    yield ""
    yield "| setting | shipped | here |"
    yield "|---|---|---|"
    yield from (f"| `{key}` | {_cell(shipped)} | {_cell(here)} |" for key, shipped, here in changed)


def _use(policy: Path, as_adapter: bool) -> Iterator[str]:
    in_four_bits = as_adapter and AdapterBase.read(policy).quantization is not None
    yield "```python"
    yield f"from transformers import AutoModelForCausalLM, AutoTokenizer{', BitsAndBytesConfig' * in_four_bits}"
    yield ""
    if in_four_bits:
        yield 'base = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")'
    yield f'model = AutoModelForCausalLM.from_pretrained("DIR"{", quantization_config=base" * in_four_bits})'
    yield 'tokenizer = AutoTokenizer.from_pretrained("DIR")'
    yield "```"
    yield ""
    if as_adapter:
        rank = max_lora_rank(adapter_rank(policy))
        yield "The base is looked for where adapter_config.json says; on another machine, write its place there."
        if in_four_bits:
            yield "On a base in another type than this it is another policy; one exported with --merge is the same."
        else:
            yield f"`vllm serve BASE --enable-lora --max-lora-rank {rank} --lora-modules policy=DIR` serves both."
    else:
        yield "`vllm serve DIR` serves it."


def _short(folder: str | None) -> str:
    """A checkpoint's name without the folders above it, which mean nothing elsewhere."""
    return Path(folder).name if folder else ""


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
