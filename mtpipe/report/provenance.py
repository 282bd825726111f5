"""What was run: how the settings differ from the shipped ones, the seeds, and the versions of what computed."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mtpipe.params import Params, differences
from mtpipe.report.cells import Cell, Table
from mtpipe.settings.flow import flow

PACKAGES = ("mtpipe", "torch", "transformers", "tokenizers", "numpy", "scipy", "pyarrow")
_SECTIONS = ("task", "model", "warm_start", "sampling", "reward", "update", "evaluate", "report")
_WHOLE = ("temperature", "arms", "seeds", "rounds")


def differences_table(params: Params) -> Table:
    """Each setting that decides results and is not as it is shipped."""
    found = differences(_named(params), _WHOLE + _SECTIONS)
    rows = [(key, [Cell(shipped), Cell(here)]) for key, shipped, here in found]
    return Table(
        title="Settings that differ from the shipped ones",
        note="As params.yaml has them." if rows else "None: this is the pipeline as it is shipped.",
        label="setting",
        columns=["shipped", "here"],
        groups=[("", rows)] if rows else [],
    )


def versions_table() -> Table:
    """The packages that computed, as installed when the report was made."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return Table(
        title="Versions",
        note="As installed when this page was made.",
        label="package",
        columns=["version"],
        groups=[("", [(name, [Cell(text)]) for name, text in found.items()])],
    )


def settings_table(params: Params) -> Table:
    """The arms' temperatures and the settings that training and evaluation depend on, in full."""
    named = _named(params)
    arms = {arm: params.temperature[arm].model_dump(mode="json", exclude_unset=True) for arm in params.arms}
    rest = {"arms": params.arms, "seeds": params.seeds, "rounds": len(params.rounds)}
    rest |= {name: getattr(named, name).model_dump(mode="json") for name in _SECTIONS}
    return Table(
        title="All settings",
        note="As params.yaml has them.",
        label="setting",
        columns=["value"],
        groups=[
            ("temperature", [(arm, [Cell(_inner(parts))]) for arm, parts in arms.items()]),
            ("the rest", [(name, [Cell(_inner(value))]) for name, value in rest.items()]),
        ],
    )


def _named(params: Params) -> Params:
    """The settings with a checkpoint by its name and not by its folder, which differs from machine to machine."""
    if params.model.checkpoint is None:
        return params
    model = params.model.model_copy(update={"checkpoint": Path(params.model.checkpoint).name})
    return params.model_copy(update={"model": model})


def _inner(value: Any) -> str:
    """A setting in YAML's flow style, a section without its braces."""
    return flow(value).removeprefix("{").removesuffix("}") if isinstance(value, dict) else flow(value)
