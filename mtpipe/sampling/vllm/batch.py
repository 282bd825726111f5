"""The rule and the draw on one batch of vLLM's logits, and the record of what was drawn.

Both adapters (`adapter_v1`, `adapter_v2`) only find out which request stands in which row, and at which position.

Why the processor draws. vLLM's own seeds are another stream of random numbers in each model runner, and a
processor cannot hand the entropy and the temperature of a token back with it. So for requests that ask for it
(`request.Draw`) the token is drawn here, by the same function and random number as in the torch engine, and its logit
is raised beyond the reach of vLLM's sampler, which then can only pick it. Token, log-probability, temperature and
entropy go into the record together, and the engine checks the recorded tokens against vLLM's output. A draw is a
function of the token's position, not of a generator's state: what vLLM samples and throws away (a prompt that is read
in chunks, a request that was preempted) uses nothing up, and a token that is drawn again comes out the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from mtpipe.sampling.drawing.draw import draw_tokens, token_entropies
from mtpipe.sampling.drawing.line_ends import line_ends
from mtpipe.sampling.drawing.randomness import token_uniforms
from mtpipe.sampling.vllm.request import read_draw, read_rule
from mtpipe.temperature.apply import RowTemperatures, RuleContext
from mtpipe.temperature.rules.rule import ResolvedRule
from mtpipe.temperature.truncation import NONE, Truncation

if TYPE_CHECKING:
    from vllm import SamplingParams

_OUT_OF_REACH = 1e30
"""A logit that no other reaches with any noise, and that float32 still holds after vLLM has handled it."""


@dataclass(frozen=True, eq=False)
class BatchRequest:
    """A request with a temperature setting; `uniforms` [max_tokens] and `record` are None where vLLM draws."""

    rule: ResolvedRule
    truncation: Truncation
    uniforms: NDArray[np.float64] | None
    record: str | None

    @classmethod
    def of(cls, sampling: "SamplingParams", max_tokens: int) -> "BatchRequest | None":
        """None for an ordinary request. `max_tokens` holds where the request itself has no limit."""
        rule, draw = read_rule(sampling.extra_args), read_draw(sampling.extra_args)
        if rule is None:
            return None
        if draw is None:
            return cls(rule, NONE, None, None)
        count = sampling.max_tokens or max_tokens
        uniforms = token_uniforms(draw.seed, draw.purpose, draw.problem_id, draw.sample, count)
        return cls(rule, draw.truncation, uniforms, draw.record)


@dataclass(frozen=True)
class _Group:
    """Rows that are handled alike; `index` is `rows` as a tensor."""

    rows: list[int]
    index: Tensor
    whole_batch: bool
    rules: RowTemperatures


class TemperedBatch:
    """Applies the requests' rules to logits, batch by batch, and keeps the records until they are taken."""

    def __init__(self, device: torch.device, vllm_config: Any):
        self._device = device
        self._rule_context = RuleContext(cache(partial(_line_ends, vllm_config.model_config, device)))
        self._arranged_for: Sequence[BatchRequest | None] = ()
        self._divided: _Group | None = None
        self._drawn: dict[Truncation, _Group] = {}
        self._records: list[tuple[list[str], list[int], Tensor]] = []

    def apply(
        self,
        logits: Tensor,
        requests: Sequence[BatchRequest | None],
        positions: Sequence[int],
        previous: Tensor,
    ) -> Tensor:
        """Tempers the rows of `requests` in place.

        Args:
            logits: [rows, vocabulary], untempered, float32.
            requests: for each row its request, None for an ordinary one, which stays as it is.
            positions: for each row how many tokens its response has so far.
            previous: [rows], its last token, anything where it has none.
        """
        if len(requests) != len(self._arranged_for) or any(map(_is_not, requests, self._arranged_for)):
            self._arrange(requests)
        if self._divided is not None:
            group = self._divided
            of_group = logits if group.whole_batch else logits[group.index]
            entropies = token_entropies(of_group)
            of_group /= group.rules.at(entropies, self._positions(group, positions))[:, None]
            if not group.whole_batch:
                logits[group.index] = of_group
        for truncation, group in self._drawn.items():
            self._draw(logits, truncation, group, requests, positions, previous)
        return logits

    def _draw(
        self,
        logits: Tensor,
        truncation: Truncation,
        group: _Group,
        requests: Sequence[BatchRequest | None],
        positions: Sequence[int],
        previous: Tensor,
    ) -> None:
        of_group = logits if group.whole_batch else logits[group.index]
        numbers = [_number(requests[row], positions[row]) for row in group.rows]
        uniforms = torch.tensor(numbers, dtype=torch.float64, device=self._device)
        own_previous = previous if group.whole_batch else previous[group.index]
        drawn = draw_tokens(
            of_group, group.rules, self._positions(group, positions), own_previous, uniforms, truncation
        )
        logits[group.index, drawn.tokens] = _OUT_OF_REACH
        names = [requests[row].record for row in group.rows]  # type: ignore[union-attr]
        self._records.append((names, [positions[row] for row in group.rows], torch.stack(drawn[:4])))  # type: ignore[arg-type]

    def _positions(self, group: _Group, positions: Sequence[int]) -> Tensor:
        return torch.tensor([positions[row] for row in group.rows], device=self._device)

    def take_records(self) -> dict[str, bytes]:
        """What was drawn since the last call, and forgets it.

        Returns:
            for each record's name float32 [5, tokens] as bytes: position, token, log-probability, temperature and
            untempered entropy. A position may come twice; the later column is the one that holds.
        """
        if not self._records:
            return {}
        names = [name for of_step, _, _ in self._records for name in of_step]
        positions = np.concatenate([of_step for _, of_step, _ in self._records]).astype(np.float32)
        drawn = torch.cat([of_step.float() for _, _, of_step in self._records], dim=1).cpu().numpy()
        self._records = []
        columns: dict[str, list[int]] = {}
        for column, name in enumerate(names):
            columns.setdefault(name, []).append(column)
        table = np.vstack([positions, drawn]).astype(np.float32)
        return {name: table[:, of_name].tobytes() for name, of_name in columns.items()}

    def _arrange(self, requests: Sequence[BatchRequest | None]) -> None:
        """Sorts a changed batch's rows by how they are handled."""
        divided = [row for row, request in enumerate(requests) if request is not None and request.uniforms is None]
        drawn: dict[Truncation, list[int]] = {}
        for row, request in enumerate(requests):
            if request is not None and request.uniforms is not None:
                drawn.setdefault(request.truncation, []).append(row)
        self._divided = self._group(divided, requests) if divided else None
        self._drawn = {truncation: self._group(rows, requests) for truncation, rows in drawn.items()}
        self._arranged_for = list(requests)

    def _group(self, rows: list[int], requests: Sequence[BatchRequest | None]) -> _Group:
        rules = [request.rule for row in rows if (request := requests[row]) is not None]
        return _Group(
            rows,
            torch.tensor(rows, device=self._device),
            len(rows) == len(requests),
            RowTemperatures(rules, self._device, self._rule_context),
        )


def _line_ends(model_config: Any, device: torch.device, line_end: str) -> Tensor:
    tokenizer = Tokenizer.from_file(str(Path(model_config.model) / "tokenizer.json"))
    return line_ends(tokenizer, model_config.get_vocab_size(), device)(line_end)


def _is_not(one: object, other: object) -> bool:
    return one is not other


def _number(request: BatchRequest | None, position: int) -> float:
    """The random number of a token; 0.5 for one that will not be used, beyond the limit or before the first."""
    assert request is not None
    assert request.uniforms is not None
    return float(request.uniforms[position]) if 0 <= position < len(request.uniforms) else 0.5
