"""Profiles: written into params.yaml, listed, and params.yaml held against the shipped settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from mtpipe.errors import MtpipeError
from mtpipe.files import write_text
from mtpipe.params import Params, differences, load_params
from mtpipe.settings.base import faults, read_text, read_yaml
from mtpipe.settings.writing import rewritten, split, without
from mtpipe.text_table import aligned

PROFILES = Path("profiles")
DEFAULT = "default"
BEFORE = Path("params.before.yaml")


def use(profile: str, params: Path, changes: Sequence[str] = ()) -> str:
    """Writes a profile's settings into params.yaml, whose comments stay, and returns what to tell of it.

    A profile is a file with what differs from the shipped settings; `default` has nothing. What stood in params.yaml
    is kept beside it.

    Args:
        changes: settings that are to have other values than the profile's, as `task.right_order=0.2`.

    Raises MtpipeError if the profile is unknown or faulty, if a change is, or if params.yaml is missing or no YAML.
    """
    path = _profile(profile)
    wanted = load_params(path) if path else Params()
    own = read_text(path) if path else ""
    if changes:
        wanted = changed(wanted, changes)
        own = without(own, {change.partition("=")[0].partition(".")[0].strip() for change in changes})
    text = read_text(params)
    read_yaml(params)
    found = rewritten(text, wanted, own)
    before = params.with_name(BEFORE.name)
    write_text(before, text)
    write_text(params, found)
    if not _says(params, wanted):
        write_text(params, text)
        raise MtpipeError(f"{params} is laid out in a way that cannot be rewritten; bring back the shipped one first")
    stages = f"{len(wanted.arms)} arms x {len(wanted.seeds)} seeds x {len(wanted.rounds)} rounds"
    with_changes = f" with {', '.join(changes)}" if changes else ""
    return (
        f"{params} now has the settings of {path or 'the shipped default'}{with_changes}: {stages}.\n"
        f"The former one is {before}."
    )


def _says(params: Path, wanted: Params) -> bool:
    try:
        return load_params(params) == wanted
    except MtpipeError:
        return False


def describe_differences(params: Path) -> str:
    """How a params.yaml differs from the shipped one, a line for each setting."""
    found = differences(load_params(params))
    if not found:
        return f"{params} has the shipped settings."
    return "\n".join(aligned([(key, f"{shipped} -> {here}") for key, shipped, here in found]))


def list_profiles() -> str:
    """Each profile with the first sentence of its comment."""
    lines = [f"{DEFAULT}: the settings as they are shipped"]
    for path in sorted(PROFILES.glob("*.yaml"), key=lambda path: path.stem):
        comment = " ".join(line.strip("# ") for line in split(read_text(path))[0].comments)
        lines.append(f"{path.stem}: {comment.partition('. ')[0]}")
    return "\n".join(lines)


def changed(params: Params, changes: Sequence[str]) -> Params:
    """Settings with other values for single ones, as `task.right_order=0.2`; a value is read as YAML.

    Raises MtpipeError with one line a fault.
    """
    every = params.model_copy(update={name: getattr(params, name) for name in Params.model_fields})
    content, whole = every.model_dump(mode="json", exclude_unset=True), every.model_dump(mode="json")
    for change in changes:
        _put(content, whole, change)
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        lines = "\n".join(f"  {line}" for line in faults(error, "together"))
        raise MtpipeError(f"{', '.join(changes)}:\n{lines}") from None


def _put(content: dict[str, Any], whole: dict[str, Any], change: str) -> None:
    """Puts a change into the settings that were set. Of one that was not, `whole` has the kind, which says its keys."""
    key, sign, text = change.partition("=")
    *sections, name = key.strip().split(".")
    if not sign or not name:
        raise MtpipeError(f"{change!r} is no change; expected a setting with its value, as task.right_order=0.2")
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:  # ValueError: of a date that there is not
        raise MtpipeError(f"{change!r}: the value is not readable as YAML: {error}") from None
    for section in sections:
        default = whole.get(section)
        whole = default if isinstance(default, dict) else {}
        content = content.setdefault(section, {"kind": whole["kind"]} if "kind" in whole else {})
        if not isinstance(content, dict):
            raise MtpipeError(f"{change!r}: {section} has no settings of its own; give all of its value")
    content[name] = value


def _profile(name: str) -> Path | None:
    if name == DEFAULT:
        return None
    for path in (Path(name), PROFILES / f"{name}.yaml"):
        if path.is_file():
            return path
    known = ", ".join([DEFAULT, *sorted(path.stem for path in PROFILES.glob("*.yaml"))])
    raise MtpipeError(f"there is no profile {name!r}; give a file, or one of {known}")
