"""The rule and the draw on one batch of vLLM's logits, and the record of what was drawn.

Both adapters (`adapter_v1`, `adapter_v2`) only find out which request stands in which row, and at which position.

Why the processor draws. vLLM's own seeds are another stream of random numbers in each model runner, and a
processor cannot hand the entropy and the temperature of a token back with it. So for requests that ask for it
(`request.Draw`) the token is drawn here, by the same function and random number as in the torch engine, and its logit
is raised above all others. To vLLM such a request is greedy: it picks that token, and makes no noise for the rest of
the vocabulary. Token, log-probability, temperature and entropy go into the record together, and the engine checks the
recorded tokens against vLLM's output. A draw is a function of the token's position, not of a generator's state: what
vLLM samples and throws away (a prompt that is read in chunks, a request that was preempted) uses nothing up, and a
token that is drawn again comes out the same.
"""

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from mtpipe.sampling.drawing.draw import draw_tokens, token_entropies
from mtpipe.sampling.drawing.evenly import Exploring
from mtpipe.sampling.drawing.line_ends import line_ends
from mtpipe.sampling.drawing.randomness import rule_uniforms, token_uniforms
from mtpipe.sampling.vllm.heat import HeatLog
from mtpipe.sampling.vllm.records import Record, TokenRecords
from mtpipe.sampling.vllm.request import read_draw, read_rule
from mtpipe.sampling.vllm.running_threshold import RunningThreshold, RunningThresholds
from mtpipe.temperature.apply import RowTemperatures, RuleContext, RuleTable, grown
from mtpipe.temperature.mixed_cuts import MixedCuts
from mtpipe.temperature.rules.rule import ResolvedRule
from mtpipe.temperature.truncation import NONE, Truncation

if TYPE_CHECKING:
    from vllm import SamplingParams

_OUT_OF_REACH = 1e30
"""A logit that no other reaches, and that float32 still holds after vLLM has handled it."""

_LEFT_ALONE, _DIVIDED, _DRAWN = 0, 1, 2
"""How a slot is handled; the numbers from `_DRAWN` on are those of ways to draw."""


@dataclass(frozen=True, eq=False)
class BatchRequest:
    """A request with a temperature setting; `uniforms` [max_tokens] and `record` are None where vLLM draws.

    `rule_uniforms` [max_tokens] are those of a random rule. A request that explores has `mixed_cuts`.
    """

    rule: ResolvedRule
    truncation: Truncation = NONE
    uniforms: NDArray[np.float64] | None = None
    record: str | None = None
    record_masks: bool = False
    rule_uniforms: NDArray[np.float64] | None = None
    mixed_cuts: MixedCuts | None = None

    @classmethod
    def of(cls, sampling: "SamplingParams", max_tokens: int) -> "BatchRequest | None":
        """None for an ordinary request. `max_tokens` holds where the request itself has no limit."""
        rule, draw = read_rule(sampling.extra_args), read_draw(sampling.extra_args)
        if rule is None:
            return None
        if draw is None:
            return cls(rule)
        identity = (draw.seed, draw.purpose, draw.problem_id, draw.sample, sampling.max_tokens or max_tokens)
        of_rule = rule_uniforms(*identity) if rule.random else None
        uniforms = token_uniforms(*identity)
        return cls(rule, draw.truncation, uniforms, draw.record, draw.record_masks, of_rule, draw.mixed_cuts)


class _Uniforms:
    """Random numbers by slot and position."""

    def __init__(self) -> None:
        self._numbers = np.zeros((1, 1))

    def put(self, slot: int, numbers: NDArray[np.float64]) -> None:
        """A slot's numbers [positions] from now on."""
        if slot >= len(self._numbers):
            self._numbers = grown(self._numbers, slot + 1)
        if (more := len(numbers) - self._numbers.shape[1]) > 0:
            self._numbers = np.pad(self._numbers, ((0, 0), (0, more)))
        self._numbers[slot, : len(numbers)] = numbers

    def at(self, slots: NDArray[np.intp], positions: NDArray[np.intp], device: torch.device) -> Tensor:
        """Those of each row [rows].

        Before the first token and beyond the last one any number does: what is drawn there is thrown away.
        """
        numbers = self._numbers[slots, positions.clip(0, self._numbers.shape[1] - 1)]
        return torch.from_numpy(numbers).to(device)


class _Drawing(NamedTuple):
    """How rows are drawn."""

    truncation: Truncation
    record_masks: bool
    mixed_cuts: MixedCuts | None


@dataclass(frozen=True)
class _Group:
    """Rows that are handled alike: `rows` and their `slots` [rows]; `index` is `rows` as a tensor, None for all rows.

    `drawing` is None where vLLM draws; `lowest` [rows] are the lowest temperatures of their rules.
    """

    rows: NDArray[np.intp]
    slots: NDArray[np.intp]
    index: Tensor | None
    rules: RowTemperatures
    drawing: _Drawing | None
    lowest: Tensor

    def of(self, values: Tensor) -> Tensor:
        return values if self.index is None else values[self.index]


class TemperedBatch:
    """Applies the requests' rules to logits, batch by batch, and keeps the records until they are taken.

    What a step needs of a request lies in arrays by slot: a step costs a few operations on arrays, however many rows
    it has, and Python looks at a request only as it is put into its slot.
    """

    def __init__(self, device: torch.device, vllm_config: Any):
        self._device = device
        self._rule_context = RuleContext(cache(partial(_line_ends, vllm_config.model_config, device)))
        self._rules = RuleTable()
        self._uniforms, self._rule_uniforms = _Uniforms(), _Uniforms()
        self._handling = np.zeros(1, dtype=np.intp)
        self._record_of = np.zeros(1, dtype=np.intp)
        self._drawings: list[_Drawing] = []
        self._arranged_for: NDArray[np.intp] | None = None
        self._groups: list[_Group] = []
        self._records = TokenRecords()
        self._lowest = np.zeros(1, dtype=np.float32)
        self._heat = HeatLog(device)
        self._running = RunningThresholds(device)

    def put(self, slot: int, request: BatchRequest | None) -> None:
        """From now on the slot stands for this request; None for an ordinary one, whose rows stay as they are."""
        self._arranged_for = None
        if slot >= len(self._handling):
            self._handling, self._record_of = grown(self._handling, slot + 1), grown(self._record_of, slot + 1)
            self._lowest = grown(self._lowest, slot + 1)
        self._handling[slot] = _LEFT_ALONE
        if request is None:
            return
        self._rules.put(slot, request.rule)
        self._handling[slot] = _DIVIDED
        self._lowest[slot] = request.rule.span()[0]
        self._running.put(slot, request.rule if isinstance(request.rule, RunningThreshold) else None)
        if request.uniforms is None or request.record is None:
            return
        drawing = _Drawing(request.truncation, request.record_masks, request.mixed_cuts)
        if drawing not in self._drawings:
            self._drawings.append(drawing)
        self._handling[slot] = _DRAWN + self._drawings.index(drawing)
        self._record_of[slot] = self._records.open(request.record)
        self._uniforms.put(slot, request.uniforms)
        self._rule_uniforms.put(slot, np.zeros(0) if request.rule_uniforms is None else request.rule_uniforms)

    def apply(self, logits: Tensor, slots: NDArray[np.intp], positions: NDArray[np.intp], previous: Tensor) -> Tensor:
        """Tempers the rows of requests in place.

        Args:
            logits: [rows, vocabulary], untempered, float32.
            slots: [rows], where each row's request was put; -1 for a row that is none's.
            positions: [rows], how many tokens each response has so far; below 0 while its prompt is being read.
            previous: [rows], its last token, anything where it has none.
        """
        if self._arranged_for is None or not np.array_equal(slots, self._arranged_for):
            self._arrange(slots)
        for group in self._groups:
            self._apply(logits, group, positions[group.rows], previous)
        return logits

    def _apply(self, logits: Tensor, group: _Group, positions: NDArray[np.intp], previous: Tensor) -> None:
        of_group, places = group.of(logits), torch.from_numpy(positions).to(self._device)
        if group.drawing is None:
            entropies = token_entropies(of_group)
            temperatures = group.rules.at(entropies, places)
            self._running.apply(temperatures, entropies, group.slots, positions)
            of_group /= temperatures[:, None]
            self._heat.add(temperatures, group.lowest, positions)
            if group.index is not None:
                logits[group.index] = of_group
            return
        uniforms = self._uniforms.at(group.slots, positions, self._device)
        of_rules = self._rule_uniforms.at(group.slots, positions, self._device) if group.rules.random else None
        truncation, record_masks, cuts = group.drawing
        exploring = Exploring(torch.ones_like(places, dtype=torch.bool), cuts) if cuts else None
        last = group.of(previous)
        drawn = draw_tokens(
            of_group, group.rules, places, last, uniforms, truncation, record_masks, of_rules, exploring
        )
        rows = torch.arange(len(logits), device=self._device) if group.index is None else group.index
        logits[rows, drawn.tokens] = _OUT_OF_REACH
        self._records.add(self._record_of[group.slots], positions, drawn)

    def take_records(self) -> dict[str, list[Record]]:
        """What was drawn since the last call, by the names of the records, and forgets it."""
        return self._records.take(self._record_of)

    def _arrange(self, slots: NDArray[np.intp]) -> None:
        """Sorts a changed batch's rows by how they are handled."""
        handling = np.where(slots < 0, _LEFT_ALONE, self._handling[slots])
        self._groups = []
        for how in np.unique(handling[handling != _LEFT_ALONE]):
            rows = np.flatnonzero(handling == how)
            index = None if len(rows) == len(slots) else torch.from_numpy(rows).to(self._device)
            rules = RowTemperatures(self._rules, self._device, self._rule_context, slots[rows])
            drawing = None if how == _DIVIDED else self._drawings[how - _DRAWN]
            lowest = torch.from_numpy(self._lowest[slots[rows]]).to(self._device)
            self._groups.append(_Group(rows, slots[rows], index, rules, drawing, lowest))
        self._arranged_for = slots.copy()


def _line_ends(model_config: Any, device: torch.device, line_end: str) -> Tensor:
    tokenizer = Tokenizer.from_file(str(Path(model_config.model) / "tokenizer.json"))
    return line_ends(tokenizer, model_config.get_vocab_size(), device)(line_end)
