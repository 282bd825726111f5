"""Profiles: written into params.yaml, listed, and params.yaml held against the shipped settings."""

from pathlib import Path

from mtpipe.errors import MtpipeError
from mtpipe.files import write_text
from mtpipe.params import Params, differences, load_params
from mtpipe.settings.base import read_text, read_yaml
from mtpipe.settings.writing import rewritten, split
from mtpipe.text_table import aligned

PROFILES = Path("profiles")
DEFAULT = "default"
BEFORE = Path("params.before.yaml")


def use(profile: str, params: Path) -> str:
    """Writes a profile's settings into params.yaml, whose comments stay, and returns what to tell of it.

    A profile is a file with what differs from the shipped settings; `default` has nothing. What stood in params.yaml
    is kept beside it.

    Raises MtpipeError if the profile is unknown or faulty, or if params.yaml is missing or no YAML.
    """
    path = _profile(profile)
    wanted = load_params(path) if path else Params()
    text = read_text(params)
    read_yaml(params)
    found = rewritten(text, wanted, read_text(path) if path else "")
    before = params.with_name(BEFORE.name)
    write_text(before, text)
    write_text(params, found)
    if load_params(params) != wanted:
        write_text(params, text)
        raise MtpipeError(f"{params} is laid out in a way that cannot be rewritten; bring back the shipped one first")
    stages = f"{len(wanted.arms)} arms x {len(wanted.seeds)} seeds x {len(wanted.rounds)} rounds"
    return f"{params} now has the settings of {path or 'the shipped default'}: {stages}.\nThe former one is {before}."


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


def _profile(name: str) -> Path | None:
    if name == DEFAULT:
        return None
    for path in (Path(name), PROFILES / f"{name}.yaml"):
        if path.is_file():
            return path
    known = ", ".join([DEFAULT, *sorted(path.stem for path in PROFILES.glob("*.yaml"))])
    raise MtpipeError(f"there is no profile {name!r}; give a file, or one of {known}")
