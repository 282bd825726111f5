"""The base class of everything that is read from params.yaml, and how its faults read."""

import copy
import difflib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mtpipe.errors import MtpipeError

Temperature = Annotated[float, Field(gt=0)]

PARAMS = Path("params.yaml")


RENAMED = {
    "sft": "warm_start",
    "rollout": "spread",
    "keep_flat_groups": "keep_zero_advantage_groups",
    "truncated": "overlong",
    "wider": "warm_start_harder_share",
    "number": "count",
}
"""Keys of earlier versions and what they are called now."""


class Settings(BaseModel):
    """A section of params.yaml: immutable, finite numbers only, unknown keys refused by name."""

    changes_results: ClassVar[bool] = True
    """Whether DVC has to run a stage again that asks for the section, if a value in it changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, found: Any) -> Any:
        if not isinstance(found, dict):
            return found
        known = list(cls.model_fields)
        for key in found:
            if key not in known:
                if RENAMED.get(key) in known:
                    raise ValueError(f"{key!r} is now called {RENAMED[key]!r}; rename it")
                nearest = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
                hint = f"did you mean {nearest[0]!r}? " if nearest else ""
                raise ValueError(f"unknown key {key!r}; {hint}known keys: {', '.join(known)}")
        return found


def faults(error: ValidationError, whole: str = "the file") -> list[str]:
    """One readable line for each fault that pydantic found: the key (or `whole`), the fault, and the value found."""
    lines = []
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"]) or whole
        message = fault["msg"].removeprefix("Value error, ")
        shows_value = fault["type"] not in ("missing", "value_error") and not isinstance(fault["input"], dict)
        lines.append(f"{key}: {message}" + (f"; found {fault['input']!r}" if shows_value else ""))
    return lines


def read_text(path: Path) -> str:
    """The text of a file of settings. Raises MtpipeError if it is missing or not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MtpipeError(f"{path} is missing; run from the project's root") from None
    except UnicodeDecodeError as error:
        raise MtpipeError(f"{path} is not readable as YAML: {error}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The content of a YAML file of settings. Raises MtpipeError if it is missing, unreadable or no mapping."""
    from ruamel.yaml.error import YAMLError  # not where vLLM alone loads this package

    try:
        found = copy.deepcopy(_parsed(read_text(path)))
    except YAMLError as error:
        raise MtpipeError(f"{path} is not readable as YAML: {error}") from None
    if not isinstance(found, dict):
        raise MtpipeError(f"{path} is empty or not a mapping of sections")
    return found


@lru_cache(maxsize=8)
def _parsed(text: str) -> Any:
    """What a text says in YAML. A stage reads params.yaml for several sections, and each parsing takes some 30 ms."""
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(text)


Section = TypeVar("Section", bound=Settings)


def read_section(name: str, kind: type[Section], path: Path = PARAMS) -> Section:
    """One section of params.yaml, without the others; the defaults if it is not there.

    Raises MtpipeError with one line a fault.
    """
    try:
        return kind.model_validate(read_yaml(path).get(name, {}))
    except ValidationError as error:
        raise MtpipeError(f"{path}:\n" + "\n".join(f"  {name}.{line}" for line in faults(error, name))) from None
