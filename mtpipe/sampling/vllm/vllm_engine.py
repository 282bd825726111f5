"""The sampling engine for real models: vLLM, with mtpipe's logits processor and records."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mtpipe.errors import MtpipeError
from mtpipe.model.adapter_folder import is_adapter
from mtpipe.model.policy import Vocabulary, load_vocabulary
from mtpipe.records import Rollout
from mtpipe.sampling.drawing.requests import Request, SamplingPlan, even_from, refuse_batch_dependent
from mtpipe.sampling.vllm.lora import RunningAdapter, base_of, lora_arguments
from mtpipe.sampling.vllm.memory import PolicyMemory
from mtpipe.sampling.vllm.records import Record, join
from mtpipe.sampling.vllm.request import DRAW, SETTING
from mtpipe.sampling.vllm.starting import quieten, start_vllm
from mtpipe.settings.sampling import ADAPTERS_AT_ONCE, Vllm

STEPS_OF_A_TURN = 64
"""Records are fetched once in so many steps, because fetching waits for the GPU."""

_NOT_OF_THE_MODEL = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "use_cache")
"""Entries of config.json in which two checkpoints of one model may differ."""


class VllmEngine:
    """A policy inside vLLM, as a sampling engine (`mtpipe.sampling.engine.Engine`).

    Attributes:
        llm: vLLM's own engine.
    """

    def __init__(self, folder: Path, options: Vllm, batch_size: int, resting: bool = False):
        """Starts vLLM with the policy in a folder, to sample up to `batch_size` responses at once.

        Args:
            resting: whether `rest` is to give a GPU's memory back.

        Raises MtpipeError if vLLM cannot sample from this model or has too little memory for it.
        """
        quieten()
        self.vocabulary: Vocabulary = load_vocabulary(folder)
        self._model = _model_of(folder)
        self._calls = 0
        self._running: set[str] = set()
        self._ended: dict[str, Any] = {}
        self._records: dict[str, list[Record]] = {}
        base = base_of(folder)
        start = base.folder if base else folder
        lora = lora_arguments(folder, ADAPTERS_AT_ONCE if resting else 1)
        self.llm, sleeps = start_vllm(start, options, batch_size, resting, lora)
        self._memory = PolicyMemory(self.llm, sleeps, keeps_weights=base is not None)
        self._adapter = RunningAdapter(self.llm, base) if base else None
        if self._adapter:
            self._adapter.load(folder)
        self._max_model_len: int = self.llm.model_config.max_model_len

    def load(self, folder: Path) -> None:
        """Reads another checkpoint of the same model into the running engine, and forgets the prefixes it has cached.

        Where the engine runs with a base, the folder has another adapter for it, and the base's weights stay.

        Raises MtpipeError, and goes on with the old weights, where the checkpoint is of another model, or the adapter
        of another base.
        """
        vocabulary = load_vocabulary(folder)
        _check_same_model(self._model, folder)
        if is_adapter(folder) != (self._adapter is not None):
            raise MtpipeError(
                f"{folder} holds {'an adapter' if is_adapter(folder) else 'all weights'}, unlike {self._model.folder}, "
                f"which vLLM runs with; start a new engine"
            )
        if self._adapter:
            self._memory.wake()
            self._adapter.load(folder)
        else:
            self._memory.load(folder)
        self.vocabulary = vocabulary

    def rest(self) -> bool:
        """Gives memory back until the next `load`, where vLLM can; whether the policy is loaded still."""
        return self._memory.rest()

    def sample(self, requests: Sequence[Request], plan: SamplingPlan) -> Iterator[Rollout]:
        """Samples one response to each request, yielding them as they end."""
        for rollouts in self.turns(requests, plan):
            yield from rollouts

    def turns(self, requests: Sequence[Request], plan: SamplingPlan) -> Iterator[list[Rollout]]:
        """The same, a few steps at a time: what has ended in them.

        Between two turns other requests may have theirs; all of them are in vLLM's batches together. The policy is the
        one that is loaded when the first turn begins; only adapters may be loaded before the last one.
        """
        refuse_batch_dependent(requests, "vLLM's scheduler")
        self._check_lengths(requests, plan)
        self._calls += 1
        waiting = {f"{self._calls}-{index}": request for index, request in enumerate(requests)}
        self._submit(waiting, plan)  # an engine core in another process starts on the first one at once
        self._running |= waiting.keys()
        try:
            while waiting:
                self._take_steps()
                yield [
                    _response(waiting.pop(name), plan, *self._taken(name))
                    for name in [name for name in waiting if name in self._ended]
                ]
        finally:
            self.llm.abort_request([name for name in waiting if name not in self._ended])
            for name in waiting:
                self._taken(name)

    def close(self) -> None:
        """Ends vLLM's processes, where it has its own."""
        self.llm.engine_core.shutdown()

    def _submit(self, requests: dict[str, Request], plan: SamplingPlan) -> None:
        """Hands all requests over before the first step, so that a bad one is refused before anything is sampled."""
        from vllm import SamplingParams
        from vllm.exceptions import VLLMValidationError
        from vllm.inputs.engine import tokens_input
        from vllm.sampling_params import RequestOutputKind

        submitted: list[str] = []
        lora = self._adapter.request if self._adapter else None
        for name, request in requests.items():
            params = SamplingParams(
                temperature=0.0,  # to vLLM: it takes the token that the processor has raised
                top_p=1.0,
                top_k=0,
                min_p=0.0,
                max_tokens=plan.max_new_tokens,
                stop_token_ids=list(self.vocabulary.stop_ids),
                ignore_eos=True,
                stop=list(plan.stop) or None,
                include_stop_str_in_output=True,
                detokenize=bool(plan.stop),
                skip_special_tokens=False,  # stop strings are looked for in the same text as by the torch engine
                output_kind=RequestOutputKind.FINAL_ONLY,
                extra_args=_extra_args(request, plan, name),
            )
            try:
                self.llm.add_request(name, tokens_input(request.prompt_ids), params, lora_request=lora)
            except (ValueError, VLLMValidationError) as error:
                self.llm.abort_request(submitted)
                raise MtpipeError(f"vLLM refuses the request for problem {request.problem_id!r}: {error}") from error
            submitted.append(name)

    def _take_steps(self) -> None:
        """A few steps of all that is running, less if it has ended, and the records if something has."""
        for _ in range(STEPS_OF_A_TURN):
            if len(self._ended) == len(self._running):
                break
            for output in self.llm.step():
                if output.finished and output.request_id in self._running:
                    self._ended[output.request_id] = output.outputs[0]
        if self._ended:
            self._fetch()

    def _taken(self, name: str) -> tuple[Any, list[Record]]:
        """What vLLM gave and recorded for a request, which is done with."""
        self._running.discard(name)
        return self._ended.pop(name, None), self._records.pop(name, [])

    def _fetch(self) -> None:
        """Of a token that several processes drew, the first one's record holds: its tokens are vLLM's output.

        What an interrupted call has left is thrown away.
        """
        for of_worker in reversed(self.llm.collective_rpc("take_token_records")):
            for name, of_request in of_worker.items():
                if name in self._running:
                    self._records.setdefault(name, []).extend(of_request)

    def _check_lengths(self, requests: Sequence[Request], plan: SamplingPlan) -> None:
        longest = max(len(request.prompt_ids) for request in requests)
        if longest + plan.max_new_tokens > self._max_model_len:
            raise MtpipeError(
                f"the longest prompt has {longest} tokens and {plan.max_new_tokens} may follow, but vLLM was started "
                f"for {self._max_model_len}; raise sampling.vllm.max_model_len, or lower max_new_tokens"
            )


def _extra_args(request: Request, plan: SamplingPlan, record: str) -> dict[str, Any]:
    draw = {
        "seed": plan.seed,
        "purpose": plan.purpose,
        "problem_id": request.problem_id,
        "sample": request.sample,
        "truncation": plan.truncation.model_dump(),
        "record": record,
        "record_masks": plan.records_cuts,
        "mixed_cuts": plan.mixed_cuts.model_dump() if plan.mixed_cuts and request.explores else None,
    }
    return {SETTING: request.rule.model_dump(), DRAW: draw}


def _response(request: Request, plan: SamplingPlan, output: Any, records: list[Record]) -> Rollout:
    """Joins vLLM's tokens with what the processor recorded; raises if the two disagree."""
    tokens = list(output.token_ids)
    drawn = join(records, len(tokens))
    if drawn.tokens != tokens:
        raise RuntimeError(
            f"problem {request.problem_id}, response {request.sample}: vLLM gave other tokens than its processor drew"
        )
    return Rollout(
        problem_id=request.problem_id,
        sample=request.sample,
        prompt_ids=request.prompt_ids,
        base_temperature=request.base,
        response_ids=tokens,
        behaviour_logprobs=drawn.logprobs,
        temperatures=drawn.temperatures,
        entropies=drawn.entropies,
        mask_sizes=drawn.mask_sizes if request.explores or plan.records_cuts else [],
        mask_ids=drawn.mask_ids,
        finish_reason="stop" if output.finish_reason == "stop" else "length",
        even_from=even_from(request, plan),
    )


class _RunningModel(NamedTuple):
    """What vLLM runs with, kept because its folder may be gone when the next policy comes."""

    folder: Path
    tokenizer: bytes
    config: dict[str, Any]


def _model_of(folder: Path) -> _RunningModel:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return _RunningModel(folder, (folder / "tokenizer.json").read_bytes(), config)


def _check_same_model(running: _RunningModel, folder: Path) -> None:
    """Raises MtpipeError if a checkpoint has another vocabulary or other sizes than the running engine's."""
    wanted = _model_of(folder)
    if running.tokenizer != wanted.tokenizer:
        raise MtpipeError(
            f"{folder} has another vocabulary than {running.folder}, which vLLM runs with; start a new engine"
        )
    ours, theirs = running.config, wanted.config
    for key in sorted(set(ours) | set(theirs)):
        if key not in _NOT_OF_THE_MODEL and ours.get(key) != theirs.get(key):
            raise MtpipeError(
                f"{folder}/config.json has {key} {theirs.get(key)!r}, and vLLM runs with {ours.get(key)!r} from "
                f"{running.folder}; start a new engine"
            )
