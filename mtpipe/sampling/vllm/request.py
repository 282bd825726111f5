"""What a request to vLLM may say of its temperatures, in `SamplingParams.extra_args`.

    extra_args={"token_temperature": {"kind": "entropy_threshold", "low": 1.0, "high": 1.2, "threshold": 0.5}}
    extra_args={"token_temperature": {"kind": "uniform", "temperature": 1.1}}

Over HTTP the same goes into `vllm_xargs`, whose values cannot be nested; so the setting may also be JSON text.
"""

import json
import logging
import os
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mtpipe.sampling.vllm.running_threshold import RunningThreshold
from mtpipe.settings.base import Settings, faults
from mtpipe.temperature.mixed_cuts import MixedCuts
from mtpipe.temperature.rules import RULES, AnyResolvedRule
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.rules.rule import ResolvedRule
from mtpipe.temperature.truncation import NONE, Truncation

SETTING = "token_temperature"
DRAW = "token_draw"
OWN_ENGINE = "MTPIPE_OWN_ENGINE"
"""In the environment of mtpipe's own engine, and of no server: only there rules are imported by their dotted paths, and
requests that the processor draws are greedy to vLLM."""

logger = logging.getLogger(__name__)


class Draw(Settings):
    """Asks the processor to draw the tokens itself, and to keep what it drew under `record`.

    The random numbers are those of `mtpipe.sampling.drawing.randomness` for this identity. Only the engine of mtpipe
    asks for it: nothing else fetches the records.
    """

    seed: int
    purpose: str
    problem_id: str
    sample: int
    truncation: Truncation = NONE
    record: str
    record_masks: bool = False
    mixed_cuts: MixedCuts | None = None


_RULE = TypeAdapter[ResolvedRule](AnyResolvedRule)
_RUNNING = TypeAdapter(RunningThreshold)
_DRAW = TypeAdapter(Draw)


def read_rule(extra_args: dict[str, Any] | None) -> ResolvedRule | None:
    """The request's rule, or None for an ordinary request.

    Raises ValueError, naming key, value and remedy.
    """
    found = (extra_args or {}).get(SETTING)
    if found is None:
        return None
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except json.JSONDecodeError as error:
            raise ValueError(f"{SETTING} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{SETTING} has to be a mapping with a kind, or such a mapping as JSON text; found {found!r}")
    if "." in str(found.get("kind")) and OWN_ENGINE not in os.environ:
        raise ValueError(f"{SETTING}: the kind {found['kind']!r} is not one of {', '.join(RULES)}")
    running = found.get("kind") == RunningThreshold.model_fields["kind"].default
    rule: ResolvedRule = _checked(_RUNNING if running else _RULE, found, SETTING)
    try:
        _ = rule.numbers
    except ValueError as error:  # a quantile, which a round has and a request has not
        raise ValueError(f"{SETTING}: {error}") from None
    return rule


def read_draw(extra_args: dict[str, Any] | None) -> Draw | None:
    """The request's identity for drawing, or None where vLLM draws. Raises ValueError as above."""
    found = (extra_args or {}).get(DRAW)
    return None if found is None else _checked(_DRAW, found, DRAW)


def validate(sampling: Any) -> None:
    """Checks the SamplingParams of a request at admission, before anything is sampled.

    Raises ValueError, which vLLM turns into a failed request (HTTP 400). Warns where `high` is below `low`: that is
    allowed, and rarely meant.
    """
    rule, draw = read_rule(sampling.extra_args), read_draw(sampling.extra_args)
    if rule is None:
        if draw is not None:
            raise ValueError(f"{DRAW} needs {SETTING}")
        return
    if rule.batch_dependent:
        raise ValueError(f"{SETTING}: the rule {rule.kind} follows from the whole batch, which vLLM changes as it runs")
    if draw is not None and isinstance(rule, RunningThreshold):
        raise ValueError(f"{SETTING}: the rule {rule.kind} is for servers; a round freezes its quantile beforehand")
    if draw is None and hasattr(rule, "line_end"):
        raise ValueError(f"{SETTING}: the rule {rule.kind} works where mtpipe draws the tokens, not beside vLLM's draw")
    if draw is None and rule.random:
        raise ValueError(
            f"{SETTING}: the rule {rule.kind} takes its random numbers from problem and response, which a request to a "
            f"server does not name; use entropy_threshold, or sample in the pipeline"
        )
    if isinstance(rule, ResolvedEntropyThreshold) and rule.high < rule.low:
        _warn_of_colder_high(rule.low, rule.high)
    if draw is None and sampling.temperature != 1.0:
        raise ValueError(
            f"{SETTING} sets the temperature of every token; found temperature={sampling.temperature:g} beside it: "
            f"set temperature to 1.0"
        )
    if sampling.min_p != 0.0:
        raise ValueError(f"{SETTING} does not go with min_p, which cuts before the entropy is taken; set min_p to 0")
    if draw is not None and (sampling.temperature, sampling.top_p, sampling.top_k, sampling.n) != (0.0, 1.0, 0, 1):
        raise ValueError(f"{DRAW} needs temperature=0, top_p=1, top_k=0 and n=1: the processor draws and truncates")


@cache
def _warn_of_colder_high(low: float, high: float) -> None:
    """Once for each pair, for a round's requests all have the same few."""
    logger.warning("%s: high (%g) is below low (%g): high-entropy tokens will be the colder ones", SETTING, high, low)


def _checked(adapter: TypeAdapter[Any], found: Any, key: str) -> Any:
    try:
        return adapter.validate_python(found)
    except ValidationError as error:
        raise ValueError(f"{key}: " + "; ".join(faults(error, whole="its value"))) from None
