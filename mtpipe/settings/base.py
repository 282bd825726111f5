"""The base class of everything that is read from params.yaml, and how its faults read."""

import difflib
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Temperature = Annotated[float, Field(gt=0)]


class Settings(BaseModel):
    """A section of params.yaml: immutable, finite numbers only, unknown keys refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, found: Any) -> Any:
        if not isinstance(found, dict):
            return found
        known = list(cls.model_fields)
        for key in found:
            if key not in known:
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
