"""What a float32 output head costs vLLM: bfloat16 throughout against bfloat16 with `head_dtype: float32`.

The model has the sizes of Qwen2.5-Math-1.5B and random weights. The two engines stand side by side and take
turns; a ratio is the median over turns of the ratio of tokens per second of processor time.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from mtpipe.model.policy import new_checkpoint
from mtpipe.params import load_params
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.vllm.vllm_engine import VllmEngine
from mtpipe.tasks.synthetic.arithmetic import VOCABULARY
from mtpipe.temperature.rules.uniform import ResolvedUniform

VOCABULARY_SIZE, HIDDEN, LAYERS, HEADS, GROUPS, INNER = 151_936, 1_536, 28, 12, 2, 8_960
SEQUENCES, TOKENS, TURNS = 32, 4, 3
FLOAT32_HEAD = {"hf_overrides": {"head_dtype": "float32"}}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        _make_policy(Path(folder))
        engines = {name: _engine(Path(folder), more) for name, more in (("bfloat16", {}), ("float32", FLOAT32_HEAD))}
        speeds: dict[str, list[float]] = {name: [] for name in engines}
        for turn in range(TURNS + 1):
            for name, engine in engines.items():
                speed = _speed(engine)
                if turn:  # the first is for warming up
                    speeds[name].append(speed)
        ratios = sorted(a / b for a, b in zip(speeds["float32"], speeds["bfloat16"], strict=True))
        medians = {name: statistics.median(found) for name, found in speeds.items()}
    print(
        f"vocabulary {VOCABULARY_SIZE}, hidden size {HIDDEN}, {LAYERS} layers, {SEQUENCES} sequences of {TOKENS} "
        f"tokens, {torch.get_num_threads()} threads: float32 head / bfloat16 head {statistics.median(ratios):.2f} "
        f"(from {ratios[0]:.2f} to {ratios[-1]:.2f} in {TURNS} turns; medians {medians['float32']:.2f} and "
        f"{medians['bfloat16']:.2f} tokens per second of processor time)"
    )


def _make_policy(folder: Path) -> None:
    new_checkpoint(folder, load_params().model, VOCABULARY, max_positions=128)  # its tokenizer serves
    config = Qwen2Config(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=GROUPS,
        intermediate_size=INNER,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        eos_token_id=0,
        torch_dtype="bfloat16",
    )
    torch.manual_seed(0)
    with torch.device("meta"):
        model = Qwen2ForCausalLM(config).bfloat16()
    model = model.to_empty(device="cpu")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.fill_(1.0) if "norm" in name else parameter.normal_(std=0.02)
    model.tie_weights()
    model.save_pretrained(folder)


def _engine(folder: Path, engine_args: dict[str, Any]) -> VllmEngine:
    options = load_params().sampling.vllm.model_copy(
        update={"dtype": "bfloat16", "engine_args": engine_args, "max_model_len": 64}
    )
    return VllmEngine(folder, options, SEQUENCES)


def _speed(engine: VllmEngine) -> float:
    """Tokens per second of processor time, the prompts' first step among them."""
    prompt = engine.vocabulary.encode("2+3*4>")
    requests = [Request(str(n), 0, prompt, 1.0, ResolvedUniform(temperature=1.0)) for n in range(SEQUENCES)]
    start = time.process_time()
    tokens = sum(len(one.response_ids) for one in engine.sample(requests, SamplingPlan(0, "head", TOKENS, SEQUENCES)))
    return tokens / (time.process_time() - start)


if __name__ == "__main__":
    main()
