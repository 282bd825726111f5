"""Writes a class of one's own and its test from the skeletons that lie beside this file."""

import re
from importlib.resources import files
from pathlib import Path
from string import Template

from mtpipe.errors import MtpipeError
from mtpipe.files import write_text

KINDS = {
    "rule": ("token rule", "temperature:\n  $module:\n    token: {kind: plugins.$module.$Name}"),
    "schedule": ("schedule", "temperature:\n  $module:\n    schedule: {kind: plugins.$module.$Name, start: 1.0}"),
    "spread": (
        "spread",
        "temperature:\n  $module:\n    schedule: {kind: constant, value: 1.0}\n"
        "    spread: {kind: plugins.$module.$Name}",
    ),
    "controller": ("controller", "temperature:\n  $module:\n    controller: {kind: plugins.$module.$Name}"),
    "task": ("task", "warm_start:\n  steps: 0\ntask:\n  name: plugins.$module.$Name"),
    "loss": ("loss", "update:\n  loss: plugins.$module.$module"),
    "reward": ("part of the reward", "reward:\n  correct: 1.0\n  parts: {plugins.$module.$module: 0.1}"),
}
"""Each kind in words, and how params.yaml names one."""

PLUGINS = Path("plugins")


def write_skeleton(kind: str, name: str) -> str:
    """Writes plugins/NAME.py and plugins/test_NAME.py, and returns what to do next.

    Args:
        name: `falling_rule` or `FallingRule`.

    Raises MtpipeError if the name is no identifier, or if a file of that name exists.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise MtpipeError(f"{name!r} cannot name a class; take letters, digits and _, a letter first")
    module = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    places = {"Name": "".join(part.capitalize() for part in module.split("_")), "module": module}
    written = {PLUGINS / f"{module}.py": f"{kind}.py.in", PLUGINS / f"test_{module}.py": f"test_{kind}.py.in"}
    for path in written:
        if path.exists():
            raise MtpipeError(f"{path} exists; take another name, or move it away")
    PLUGINS.mkdir(exist_ok=True)
    for path, skeleton in written.items():
        write_text(path, Template((files(__package__) / skeleton).read_text(encoding="utf-8")).substitute(places))
    words, entry = KINDS[kind]
    own, test = written
    of_arm = entry.startswith("temperature:")
    return (
        f"{own} is a {words} to begin with, {test} its test: python -m pytest {test}\n\n"
        f"Name it in params.yaml{f', and list {module} in arms' if of_arm else ''}:\n\n"
        f"{Template(entry).substitute(places)}\n\n"
        f"`python -m mtpipe temperatures` checks it; docs/plugins.md has a complete one of each kind."
    )
