"""A stage's plan: the one file that tells it its settings, and tells DVC its settings and its code.

The stage `plan` writes data/stages/STAGE.json for each script in stages/, and every stage depends on its own. So DVC
runs a stage again if a setting that it asks for, or code that it reaches, has changed, and for no other edit.

A script asks for settings by the keyword-only parameters of its `main`:

    def main(arm: str, *, sampling: EngineSettings, length: Annotated[int, "sampling.max_new_tokens"]) -> None

gets the part of the section `sampling` that EngineSettings has, and the one value sampling.max_new_tokens.
"""

import ast
import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_jsonable_python

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json, write_json
from mtpipe.run.fingerprint import ROOT, Digests, Fingerprints
from mtpipe.settings.base import read_section
from mtpipe.settings.plugins import used_plugins

WHOLE = "params"
"""The parameter that asks for all of params.yaml."""

_OF_NO_STAGE = ("storage",)
"""Sections that no result depends on; an edit of them runs `plan` alone."""


def write_stage_plans(params: BaseModel, written: dict[str, Any], fingerprints: Fingerprints) -> None:
    """Writes the plan of every stage.

    Args:
        params: the checked settings.
        written: the same as params.yaml has them.
        fingerprints: what reads the code.
    """
    for script in sorted((ROOT / "stages").glob("*.py")):
        if script.stem == "plan":
            continue
        settings = {name: _value(params, written, key, only) for name, key, only in _asked(script)}
        plugins = used_plugins(settings)
        plan = {"settings": settings, "plugins": plugins, "code": fingerprints.of_stage(script.stem, plugins)}
        write_json(paths.stage_plan(script.stem), plan)
    write_json(paths.CODE_CACHE, fingerprints.cache)


def settings_for(main: Callable[..., None]) -> dict[str, Any]:
    """The values of a stage's keyword-only parameters, from its plan; those that change no result from params.yaml.

    Raises MtpipeError if there is no plan, or if it was written by other code.
    """
    stage = Path(main.__code__.co_filename).stem
    asked = {
        name: parameter.annotation
        for name, parameter in inspect.signature(main).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    if not asked:
        return {}
    found = read_json(paths.stage_plan(stage))["settings"]
    values = {}
    for name, kind in asked.items():
        if not getattr(kind, "changes_results", True):
            values[name] = read_section(name, kind)
        elif name in found:
            values[name] = TypeAdapter(kind).validate_python(found[name])
        else:
            raise MtpipeError(f"{paths.stage_plan(stage)} has no setting {name!r}; run `dvc repro`")
    return values


def check_code(stage: str, *plans: Path) -> None:
    """Raises MtpipeError, naming the files, if the stage's code is not what its plan was written for.

    That is the case if a file was edited while `dvc repro` runs: DVC would take the result for that of the old code.

    Args:
        plans: those of the stage's round and update, which have the code of the arm's own classes and functions.
    """
    path = paths.stage_plan(stage)
    plan = read_json(path)
    planned: Digests = plan["code"]
    fingerprints = Fingerprints(read_json(paths.CODE_CACHE) if paths.CODE_CACHE.is_file() else {})
    present = fingerprints.of_stage(stage, plan["plugins"])
    changed = [file for file in sorted(planned | present) if planned.get(file) != present.get(file)]
    for each in plans:
        changed += fingerprints.changed(read_json(each).get("sources", {}))
    if changed:
        raise MtpipeError(
            f"{', '.join(changed[:5])}{' and more' if len(changed) > 5 else ''} changed after {path} was written, so "
            f"this stage would not be what DVC takes it for; run `dvc repro` again"
        )


def _asked(script: Path) -> list[tuple[str, str, type[BaseModel] | None]]:
    """The settings that a script's `main` asks for: the parameter, the key in params.yaml, and the part of a section.

    The script is read and not imported, because that would load torch.
    """
    tree = ast.parse(script.read_bytes(), filename=str(script))
    places = {
        alias.asname or alias.name: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    asked: list[tuple[str, str, type[BaseModel] | None]] = []
    for parameter in main.args.kwonlyargs:
        match parameter.annotation:
            case ast.Subscript(value=ast.Name("Annotated"), slice=ast.Tuple(elts=[_, ast.Constant(str(key))])):
                asked.append((parameter.arg, key, None))
            case ast.Name(name) if name in places:
                kind = getattr(importlib.import_module(places[name]), name)
                if getattr(kind, "changes_results", True):
                    model = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
                    asked.append((parameter.arg, parameter.arg, model))
            case _:
                raise TypeError(f"{script}: the type of main's {parameter.arg!r} is not imported into the script")
    return asked


def _value(params: BaseModel, written: dict[str, Any], key: str, only: type[BaseModel] | None) -> Any:
    """A setting as JSON has it."""
    if key == WHOLE:
        return {section: value for section, value in written.items() if section not in _OF_NO_STAGE}
    value: Any = params
    for part in key.split("."):
        value = getattr(value, part)
    fields = set(only.model_fields) if only is not None else None
    return value.model_dump(mode="json", include=fields) if isinstance(value, BaseModel) else to_jsonable_python(value)
