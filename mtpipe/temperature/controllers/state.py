"""A controller's state, carried with the policy."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mtpipe.errors import MtpipeError
from mtpipe.files import bring_back, read_json, write_json
from mtpipe.settings.plugins import own_code, written_in
from mtpipe.temperature.controllers.controller import AfterRound, BeforeRound, Controller, State

FILE_NAME = "controller.json"


def read_state(policy: Path) -> State:
    """What the round before left in a policy folder; nothing in a policy that no round has made."""
    file = policy / FILE_NAME
    found = read_json(file) if file.is_file() else {}
    if not isinstance(found, dict):
        raise MtpipeError(f"{file} holds {found!r} and no controller's state; {bring_back(policy)}")
    return found


def write_state(policy: Path, state: State) -> None:
    """Leaves it for the next round."""
    write_json(policy / FILE_NAME, state)


def state_before(controller: Controller, state: State, ahead: BeforeRound) -> State:
    """The state to sample a round with; raises MtpipeError if it has no temperature within the bounds."""
    found = _state(controller, controller.before, state, ahead)
    low, high = controller.bounds()
    temperature = found.get("temperature")
    if not isinstance(temperature, int | float) or not low - 1e-6 <= temperature <= high + 1e-6:
        raise MtpipeError(
            f"{controller.kind}: `before` in {written_in(type(controller))} left {found}; expected a `temperature` "
            f"between {low:g} and {high:g}"
        )
    return found


def state_after(controller: Controller, state: State, sampled: AfterRound) -> State:
    """The state that a round leaves; raises MtpipeError if JSON cannot hold it."""
    return _state(controller, controller.after, state, sampled)


def _state(controller: Controller, method: Callable[[State, Any], State], state: State, seen: Any) -> State:
    try:
        with own_code(controller.kind):
            found = method(state, seen)
    except ValueError as error:
        raise MtpipeError(str(error)) from error
    try:
        json.dumps(found, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise MtpipeError(f"{controller.kind}: JSON cannot hold the state {found!r}: {error}") from None
    if not isinstance(found, dict):
        raise MtpipeError(
            f"{controller.kind}: `{method.__name__}` in {written_in(type(controller))} left {found!r}; expected a dict"
        )
    return found
