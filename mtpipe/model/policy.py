"""A policy: a folder with a transformers checkpoint in safetensors, its tokenizer, and the state it trains with.

In the place of the checkpoint's weights the folder may have an adapter (`mtpipe.model.adapter_folder`).
"""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from transformers.utils import logging as transformers_logging

from mtpipe.errors import MtpipeError
from mtpipe.files import bring_back
from mtpipe.model.adapter import adapter_parameters, read_adapter, write_adapter
from mtpipe.model.adapter_folder import CONFIG, WEIGHTS, AdapterBase, is_adapter
from mtpipe.model.memory import reuse_memory
from mtpipe.model.nf4 import quantize
from mtpipe.model.probe import check_scoring, reads_padding
from mtpipe.settings.model import Compute, StartingModel

transformers_logging.disable_progress_bar()

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")


@dataclass(frozen=True)
class Vocabulary:
    """Text and tokens; `stop_ids` are the tokens that end a response.

    `size` is the number of the model's tokens, which can be larger than the tokenizer's, or smaller: models pad their
    embeddings, and tokenizers know tokens that only a sibling with images has.
    """

    tokenizer: Tokenizer
    stop_ids: tuple[int, ...]
    size: int

    def encode(self, text: str) -> list[int]:
        """Token ids without special tokens; raises MtpipeError for a token that the model does not have."""
        return self._checked(text, self.tokenizer.encode(text, add_special_tokens=False).ids)

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """The same of many texts, in a tenth of the time."""
        found = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        return [self._checked(text, encoding.ids) for text, encoding in zip(texts, found, strict=True)]

    def _checked(self, text: str, ids: list[int]) -> list[int]:
        if (largest := max(ids, default=0)) >= self.size:
            raise MtpipeError(
                f"the text {_shortened(text)!r} has the token {self.tokenizer.id_to_token(largest)!r}, which is number "
                f"{largest} of the tokenizer, and the model's tokens end at {self.size - 1} (vocab_size in its "
                f"config.json): leave the text out, or give model.checkpoint the model's own tokenizer"
            )
        return ids

    def decode(self, ids: list[int]) -> str:
        """Text without special tokens; a token that the tokenizer does not know is a replacement character in it.

        A model can sample such tokens. If they left no trace, the text on either side would be judged as one.
        """
        if self._known.issuperset(ids):
            return self.tokenizer.decode(ids, skip_special_tokens=True)
        runs = [(known, list(run)) for known, run in groupby(ids, key=self._known.__contains__)]
        return "".join(
            self.tokenizer.decode(run, skip_special_tokens=True) if known else _UNKNOWN * len(run)
            for known, run in runs
        )

    @cached_property
    def _known(self) -> frozenset[int]:
        """The tokens that the tokenizer has a text for."""
        return frozenset(self.tokenizer.get_vocab().values())


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


@dataclass(frozen=True)
class PolicyAdapter:
    """What a policy's folder says of its adapter besides the weights: peft's configuration, and the base."""

    config: dict[str, Any]
    base: AdapterBase


@dataclass(frozen=True)
class Policy(Vocabulary):
    """A loaded policy.

    Attributes:
        adapter: of a model that is a base with an adapter, which alone is trained and written; else None.
    """

    model: PreTrainedModel
    adapter: PolicyAdapter | None = None

    @cached_property
    def reads_padding(self) -> bool:
        """`mtpipe.model.probe.reads_padding`, tried once."""
        return reads_padding(self.model)

    @property
    def device(self) -> torch.device:
        return self.model.device


def pick_device(compute: Compute) -> torch.device:
    """Raises MtpipeError if params.yaml asks for a device that is not there."""
    if compute.device == "cuda" and not torch.cuda.is_available():
        raise MtpipeError("params.yaml: compute.device is 'cuda', but torch finds no CUDA device; use auto or cpu")
    found = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(found if compute.device == "auto" else compute.device)


def prepare_torch(compute: Compute) -> torch.device:
    """Fixes the number of threads and deterministic algorithms, has memory reused, and picks the device."""
    reuse_memory()
    torch.set_num_threads(compute.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # nothing reads it
    return pick_device(compute)


def load_vocabulary(folder: Path) -> Vocabulary:
    """Loads a policy's tokenizer and stop tokens, without its weights.

    Raises MtpipeError if the folder is no complete policy: weights, tokenizer or stop tokens missing or unreadable.
    """
    if not folder.is_dir():
        raise MtpipeError(f"{folder} is missing; `dvc repro` makes it")
    weights = WEIGHTS if is_adapter(folder) else "model*.safetensors"
    if not list(folder.glob(weights)):
        weights = f"{WEIGHTS} and no {CONFIG}" if (folder / WEIGHTS).is_file() else f"no weights ({weights})"
        raise MtpipeError(f"{folder} has {weights}; {bring_back(folder)}")
    if not (folder / "tokenizer.json").is_file():
        raise MtpipeError(f"{folder} has no tokenizer.json; {bring_back(folder)}")
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        generation = folder / "generation_config.json"
        config = generation if generation.is_file() else folder / "config.json"
        stops = json.loads(config.read_text(encoding="utf-8")).get("eos_token_id")
        model = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # tokenizers raises nothing narrower
        raise MtpipeError(f"{folder} is not readable as a checkpoint: {error}; {bring_back(folder)}") from error
    stop_ids = tuple(stops) if isinstance(stops, list) else (stops,)
    if None in stop_ids:
        raise MtpipeError(f"{folder}: config.json and generation_config.json name no eos_token_id")
    size: int = model.get_text_config().vocab_size
    if max(stop_ids) >= size:
        raise MtpipeError(
            f"{folder}/{config.name}: eos_token_id is {max(stop_ids)}, the model's tokens end at {size - 1}"
        )
    return Vocabulary(tokenizer, stop_ids, size)


def load_policy(
    folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32, sampled: bool = False
) -> Policy:
    """Loads a policy, with weights of type `dtype`, and tries with a few tokens whether its log-probs are right.

    Args:
        sampled: whether the torch engine is to sample from it.

    Raises MtpipeError if the folder, its weights or its tokenizer are missing or unreadable, if it holds an adapter
    and its base is not the one that it was trained on, and for a model that cannot be trained, or sampled, here.
    """
    vocabulary = load_vocabulary(folder)
    base = AdapterBase.read(folder) if is_adapter(folder) else None
    if base:
        base.check(folder)
    if base and base.quantization:
        model = _read_model(base.folder, torch.float32)  # codes of weights rounded to another type would be others
        quantize(model)
        for parameter in model.parameters():  # what is left in full lies in the mapped file, and would hold all of it
            parameter.data = parameter.data.clone()
    else:
        model = _read_model(base.folder if base else folder, dtype)
    adapter = PolicyAdapter(read_adapter(model, folder), base) if base else None
    for parameter in model.parameters():
        if parameter.is_floating_point():  # all but codes of 4 bits
            parameter.data = parameter.data.to(dtype)
    policy = Policy(**vars(vocabulary), model=model.to(device).eval(), adapter=adapter)
    try:
        if dtype == torch.float32:  # no other type is scored or trained
            check_scoring(policy.model)
        if sampled:
            _ = policy.reads_padding
    except MtpipeError as error:
        raise MtpipeError(f"{folder}: {error}") from None
    return policy


def _read_model(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    try:
        how = {"dtype": dtype, "local_files_only": True, "trust_remote_code": False, "use_safetensors": True}
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, **how)
    except (OSError, ValueError, SafetensorError) as error:
        raise MtpipeError(f"{folder} is not readable as a checkpoint: {error}; {bring_back(folder)}") from error
    return model


def save_policy(
    policy: Policy, folder: Path, tokenizer_from: Path, weights: dict[str, torch.Tensor] | None = None
) -> None:
    """Writes weights, configuration and tokenizer into a new folder; `weights`, where given, in the model's place.

    Of a policy with an adapter these are the adapter's weights alone.
    """
    folder.mkdir(parents=True)
    copied: tuple[str, ...] = _TOKENIZER_FILES
    if policy.adapter is None:
        policy.model.save_pretrained(folder, state_dict=weights, safe_serialization=True)
    else:
        tensors = adapter_parameters(policy.model) if weights is None else weights
        write_adapter(dict(tensors), policy.adapter.config, policy.adapter.base, folder)
        copied = (*copied, "config.json", "generation_config.json")
    for name in copied:
        if (tokenizer_from / name).is_file():
            shutil.copyfile(tokenizer_from / name, folder / name)


def new_config(sizes: StartingModel, vocabulary: str | None, max_positions: int) -> Qwen2Config:
    """The configuration of `new_checkpoint`."""
    return _new_config(sizes, _new_tokenizer(vocabulary), max_positions)


def new_checkpoint(folder: Path, sizes: StartingModel, vocabulary: str | None, max_positions: int) -> None:
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


def _new_config(sizes: StartingModel, tokenizer: Tokenizer, max_positions: int) -> Qwen2Config:
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
