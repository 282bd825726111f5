"""A policy: a folder with a transformers checkpoint in safetensors, its tokenizer, and the state it trains with."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from transformers.utils import logging as transformers_logging

from mtpipe.errors import MtpipeError
from mtpipe.settings.model import Compute, Model

transformers_logging.disable_progress_bar()


@dataclass(frozen=True)
class Vocabulary:
    """Text and tokens; `stop_ids` are the tokens that end a response."""

    tokenizer: Tokenizer
    stop_ids: tuple[int, ...]

    def encode(self, text: str) -> list[int]:
        """Token ids without special tokens."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, ids: list[int]) -> str:
        """Text without special tokens."""
        return self.tokenizer.decode(ids, skip_special_tokens=True)


@dataclass(frozen=True)
class Policy(Vocabulary):
    """A loaded policy."""

    model: PreTrainedModel

    @property
    def device(self) -> torch.device:
        return self.model.device


def pick_device(compute: Compute) -> torch.device:
    """Raises MtpipeError where params.yaml asks for a device that is not there."""
    if compute.device == "cuda" and not torch.cuda.is_available():
        raise MtpipeError("params.yaml: compute.device is 'cuda', but torch finds no CUDA device; use auto or cpu")
    if compute.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(compute.device)


def prepare_torch(compute: Compute) -> torch.device:
    """Fixes the number of threads and deterministic algorithms, and picks the device."""
    torch.set_num_threads(compute.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    return pick_device(compute)


def load_vocabulary(folder: Path) -> Vocabulary:
    """Loads a policy's tokenizer and stop tokens, without its weights.

    Raises MtpipeError where the folder is no complete policy: weights, tokenizer or stop tokens missing or unreadable.
    """
    if not folder.is_dir():
        raise MtpipeError(f"{folder} is missing; `dvc repro` makes it")
    if not list(folder.glob("model*.safetensors")):
        raise MtpipeError(f"{folder} has no weights (model*.safetensors); delete the folder and run `dvc repro`")
    if not (folder / "tokenizer.json").is_file():
        raise MtpipeError(f"{folder} has no tokenizer.json; delete the folder and run `dvc repro`")
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        generation = folder / "generation_config.json"
        config = generation if generation.is_file() else folder / "config.json"
        stops = json.loads(config.read_text(encoding="utf-8")).get("eos_token_id")
    except Exception as error:  # tokenizers raises nothing narrower
        raise MtpipeError(f"{folder} is not readable as a checkpoint: {error}") from error
    stop_ids = tuple(stops) if isinstance(stops, list) else (stops,)
    if None in stop_ids:
        raise MtpipeError(f"{folder}: config.json and generation_config.json name no eos_token_id")
    return Vocabulary(tokenizer, stop_ids)


def load_policy(folder: Path, device: torch.device | str = "cpu") -> Policy:
    """Loads a policy in float32.

    Raises MtpipeError where the folder, its weights or its tokenizer are missing or unreadable.
    """
    vocabulary = load_vocabulary(folder)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise MtpipeError(f"{folder} is not readable as a checkpoint: {error}") from error
    return Policy(vocabulary.tokenizer, vocabulary.stop_ids, model.to(device).eval())


def save_policy(
    policy: Policy, folder: Path, tokenizer_from: Path, weights: dict[str, torch.Tensor] | None = None
) -> None:
    """Writes weights, configuration and tokenizer into a new folder; `weights`, where given, in the model's place."""
    folder.mkdir(parents=True)
    policy.model.save_pretrained(folder, state_dict=weights, safe_serialization=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        if (tokenizer_from / name).is_file():
            shutil.copyfile(tokenizer_from / name, folder / name)


def new_config(sizes: Model, vocabulary: str | None, max_positions: int) -> Qwen2Config:
    """The configuration of `new_checkpoint`."""
    return _new_config(sizes, _new_tokenizer(vocabulary), max_positions)


def new_checkpoint(folder: Path, sizes: Model, vocabulary: str | None, max_positions: int) -> None:
    """Writes a new, randomly initialised Qwen2 whose tokens are the vocabulary's characters; without one, bytes.

    Token 0 pads, token 1 ends a response.
    """
    tokenizer = _new_tokenizer(vocabulary)
    torch.manual_seed(sizes.seed)
    model = Qwen2ForCausalLM(_new_config(sizes, tokenizer, max_positions))
    model.generation_config = GenerationConfig(eos_token_id=1, pad_token_id=0)
    model.save_pretrained(folder, safe_serialization=True)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<pad>", clean_up_tokenization_spaces=False
    ).save_pretrained(folder)


def _new_config(sizes: Model, tokenizer: Tokenizer, max_positions: int) -> Qwen2Config:
    return Qwen2Config(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=sizes.hidden_size,
        intermediate_size=4 * sizes.hidden_size,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.heads,
        max_position_embeddings=max_positions,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )


def _new_tokenizer(vocabulary: str | None) -> Tokenizer:
    tokenizer = _byte_tokenizer() if vocabulary is None else _character_tokenizer(vocabulary)
    tokenizer.add_special_tokens(["<pad>", "<eos>"])
    return tokenizer


def _numbered(tokens: Iterable[str]) -> dict[str, int]:
    return {token: index for index, token in enumerate(["<pad>", "<eos>", *tokens])}


def _character_tokenizer(vocabulary: str) -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(_numbered(vocabulary), unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), behavior="isolated")  # type: ignore[assignment]
    tokenizer.decoder = decoders.Fuse()  # type: ignore[assignment]
    return tokenizer


def _byte_tokenizer() -> Tokenizer:
    """Byte-level BPE with no merges: 256 byte tokens, so any text can be encoded."""
    tokenizer = Tokenizer(models.BPE(_numbered(sorted(pre_tokenizers.ByteLevel.alphabet())), []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)  # type: ignore[assignment]
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    return tokenizer
