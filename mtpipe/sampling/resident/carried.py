"""Requests and rollouts as messages: lists of tokens and of floats as arrays, everything else as JSON.

Floats travel as float64, so a rollout that arrives equals the one that was sent to the last bit.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, TypeAdapter, ValidationError

from mtpipe.records import Rollout
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.resident.frames import BrokenMessage, Message
from mtpipe.temperature.rules import AnyResolvedRule

_ARRAY_TYPES = {"list[int]": "<i4", "list[float]": "<f8"}
_LISTS = {column.name: _ARRAY_TYPES[str(column.type)] for column in fields(Rollout) if str(column.type) in _ARRAY_TYPES}
_OTHERS = [column.name for column in fields(Rollout) if column.name not in _LISTS]


class _Asked(BaseModel):
    """The fields of a message that asks for responses; `rules` has each rule once, `rule_of` its index by request."""

    plan: SamplingPlan
    problem_ids: list[str]
    samples: list[int]
    bases: list[float]
    rules: list[AnyResolvedRule]
    explores: list[bool]


_COLUMNS = TypeAdapter(dict[str, list[Any]])


def asking(requests: Sequence[Request], plan: SamplingPlan) -> Message:
    """A message that asks for one response to each request."""
    rules = list(dict.fromkeys(request.rule for request in requests))
    index = {rule: number for number, rule in enumerate(rules)}
    asked = {
        "plan": {
            **asdict(plan),
            "truncation": plan.truncation.model_dump(mode="json"),
            "mixed_cuts": plan.mixed_cuts.model_dump(mode="json") if plan.mixed_cuts else None,
        },
        "problem_ids": [request.problem_id for request in requests],
        "samples": [request.sample for request in requests],
        "bases": [request.base for request in requests],
        "rules": [rule.model_dump(mode="json") for rule in rules],
        "explores": [request.explores for request in requests],
    }
    arrays = _flat("prompt_ids", [request.prompt_ids for request in requests], "<i4")
    arrays["rule_of"] = np.array([index[request.rule] for request in requests], dtype="<i4")
    return Message("sample", asked, arrays)


def asked_for(message: Message) -> tuple[list[Request], SamplingPlan]:
    """What `asking` was given; raises BrokenMessage for a message that it cannot have made."""
    try:
        asked = _Asked.model_validate(message.fields)
        prompts = _lists("prompt_ids", message.arrays)
        rules = [asked.rules[index] for index in message.arrays["rule_of"].tolist() if index >= 0]
        columns = zip(asked.problem_ids, asked.samples, prompts, asked.bases, rules, asked.explores, strict=True)
        return [Request(*each) for each in columns], asked.plan
    except (ValidationError, ValueError, KeyError, IndexError) as error:
        raise BrokenMessage(f"no request for responses: {error}") from None


def answering(rollouts: Sequence[Rollout]) -> Message:
    """A message with some rollouts."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, type_ in _LISTS.items():
        arrays |= _flat(name, [getattr(rollout, name) for rollout in rollouts], type_)
    return Message("rollouts", {name: [getattr(one, name) for one in rollouts] for name in _OTHERS}, arrays)


def answered(message: Message) -> list[Rollout]:
    """What `answering` was given; raises BrokenMessage for a message that it cannot have made."""
    try:
        columns = {name: _COLUMNS.validate_python(message.fields)[name] for name in _OTHERS}
        columns |= {name: _lists(name, message.arrays) for name in _LISTS}
        rows = zip(*columns.values(), strict=True)
        return [Rollout(**dict(zip(columns, row, strict=True))) for row in rows]
    except (ValidationError, ValueError, KeyError) as error:
        raise BrokenMessage(f"no rollouts: {error}") from None


def _flat(name: str, lists: Sequence[Sequence[Any]], type_: str) -> dict[str, NDArray[Any]]:
    """Lists as one array, with a second one of their lengths."""
    lengths = np.array([len(each) for each in lists], dtype="<i4")
    values = np.fromiter(chain.from_iterable(lists), dtype=type_, count=int(lengths.sum()))
    return {name: values, f"{name}.lengths": lengths}


def _lists(name: str, arrays: dict[str, NDArray[Any]]) -> list[list[Any]]:
    lengths = arrays[f"{name}.lengths"].astype(np.int64)
    values = arrays[name].tolist()
    ends = lengths.cumsum().tolist()
    if (lengths < 0).any() or (ends[-1] if ends else 0) != len(values):
        raise ValueError(f"the lengths of {name} do not add up to {len(values)}")
    return [values[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)]
