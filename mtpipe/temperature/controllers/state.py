"""A controller's state, carried with the policy."""

from pathlib import Path

from mtpipe.files import read_json, write_json
from mtpipe.temperature.controllers.controller import State

FILE_NAME = "controller.json"


def read_state(policy: Path) -> State:
    """What the round before left in a policy folder; nothing in a policy that no round has made."""
    file = policy / FILE_NAME
    return read_json(file) if file.is_file() else {}


def write_state(policy: Path, state: State) -> None:
    """Leaves it for the next round."""
    write_json(policy / FILE_NAME, state)
