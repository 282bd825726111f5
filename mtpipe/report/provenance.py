"""What was run: how the settings differ from the shipped ones, the seeds, and the versions of what computed."""

import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from mtpipe.params import Params
from mtpipe.report.cells import Cell, Table

PACKAGES = ("mtpipe", "torch", "transformers", "tokenizers", "numpy", "scipy", "pyarrow")
_SECTIONS = ("task", "model", "warm_start", "sampling", "reward", "update", "evaluate", "report")


def differences_table(params: Params) -> Table:
    """Each setting that is not as params.yaml is shipped, and the versions."""
    text = files("mtpipe.report").joinpath("shipped_params.yaml").read_text(encoding="utf-8")
    shipped = _flat("", YAML(typ="safe", pure=True).load(text))
    here = _flat("", _settings(params))
    changed = [key for key, value in here.items() if shipped.get(key) != value]
    rows = [(key, [Cell(shipped.get(key, "–")), Cell(here[key])]) for key in changed]
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
    found = _settings(params)
    temperatures = found.pop("temperature")
    return Table(
        title="All settings",
        note="As params.yaml has them.",
        label="setting",
        columns=["value"],
        groups=[
            ("temperature", [(arm, [Cell(_flow(rule))]) for arm, rule in temperatures.items()]),
            ("the rest", [(name, [Cell(_flow(value))]) for name, value in found.items()]),
        ],
    )


def _settings(params: Params) -> dict[str, Any]:
    """The settings that decide results, of the listed arms alone; a checkpoint by its name, not its folder."""
    found = {name: getattr(params, name).model_dump(mode="json") for name in _SECTIONS}
    if params.model.checkpoint is not None:
        found["model"]["checkpoint"] = Path(params.model.checkpoint).name
    temperatures = {arm: params.temperature[arm].model_dump(mode="json", exclude_unset=True) for arm in params.arms}
    return {
        "temperature": temperatures,
        "arms": params.arms,
        "seeds": params.seeds,
        "rounds": len(params.rounds),
        **found,
    }


def _flat(prefix: str, value: Any) -> dict[str, str]:
    """Settings by dotted key, each written in YAML's flow style; an arm's rule stays whole."""
    if prefix == "rounds" and isinstance(value, list):
        return {prefix: str(len(value))}
    if isinstance(value, dict) and value and prefix.count(".") < 1:
        return {
            key: text
            for name, part in value.items()
            for key, text in _flat(f"{prefix}.{name}" if prefix else name, part).items()
        }
    return {prefix: _nested(value)}


def _flow(value: Any) -> str:
    """A setting on one line, the way YAML's flow style has it."""
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_nested(found)}" for key, found in value.items())
    return _nested(value)


def _nested(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + _flow(value) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_nested, value)) + "]"
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
