"""dvc.yaml against the code: each stage's deps are what its script imports, its params what it reads."""

import ast
import re
from pathlib import Path

import pytest
from builders import ROOT
from ruamel.yaml import YAML

STAGES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]

_SCHEMAS = [f"settings/{name}" for name in ("base", "model", "sampling", "reward", "evaluate", "outputs")]
_WITHOUT_INFLUENCE = ("errors", "files", "params", "paths", "progress", "run/stage", "tracking/live", *_SCHEMAS)
WITHOUT_INFLUENCE = {f"mtpipe/{name}.py" for name in _WITHOUT_INFLUENCE}
"""What stages use and no result depends on: errors, atomic writing, the schema, paths, progress bars, live metrics."""


def imported(file: Path, seen: set[str] | None = None) -> set[str]:
    """The files of mtpipe that a file imports, directly or through others that have an influence."""
    seen = set() if seen is None else seen
    for node in ast.walk(ast.parse(file.read_text())):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            found = ROOT / (name.replace(".", "/") + ".py")
            if (ROOT / name.replace(".", "/")).is_dir():
                found = ROOT / name.replace(".", "/") / "__init__.py"
            if name.startswith("mtpipe.") and found.is_file() and (key := str(found.relative_to(ROOT))) not in seen:
                seen.add(key)
                if key not in WITHOUT_INFLUENCE:
                    imported(found, seen)
    return seen


def declared(stage: str) -> dict[str, set[str]]:
    """What a stage's deps name of mtpipe, with the modules of each."""
    deps = [dep for dep in STAGES[stage]["deps"] if dep.startswith("mtpipe/")]
    files = {dep: (ROOT / dep).rglob("*.py") if (ROOT / dep).is_dir() else [ROOT / dep] for dep in deps}
    return {dep: {str(file.relative_to(ROOT)) for file in found} for dep, found in files.items()}


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_modules_that_the_stage_imports_or_their_folders(stage):
    script = ROOT / "stages" / f"{stage}.py"
    used = {file for file in imported(script) - WITHOUT_INFLUENCE if not file.endswith("__init__.py")}
    if stage == "plan":  # params.py resolves the temperatures, so what it imports counts here
        used |= imported(ROOT / "mtpipe" / "params.py") - WITHOUT_INFLUENCE
    assert used <= set().union(*declared(stage).values())
    assert not [dep for dep, files in declared(stage).items() if not files & used]
    assert f"stages/{stage}.py" in STAGES[stage]["deps"]
    assert all((ROOT / dep).exists() for dep in STAGES[stage]["deps"] if dep.startswith(("mtpipe/", "stages/")))


@pytest.mark.parametrize("stage", STAGES)
def test_every_section_of_params_that_a_stage_reads_is_declared(stage):
    if stage == "plan":
        assert STAGES[stage]["params"] == [{"params.yaml": None}]
        return
    texts = [(ROOT / "stages" / f"{stage}.py").read_text()]
    texts += [(ROOT / file).read_text() for file in imported(ROOT / "stages" / f"{stage}.py") - WITHOUT_INFLUENCE]
    read = set(re.findall(r"\bparams\.(?!yaml|items)(\w+)", "\n".join(texts))) | set(
        re.findall(r"load_params\(\)\.(\w+)", texts[0])
    )
    sections = {str(param).partition(".")[0] for param in STAGES[stage].get("params", [])}
    # temperatures reach a stage through the plan alone; Ray changes where rollouts are sampled, not what they are
    assert read - {"plans", "temperature", "ray"} <= sections


def test_every_stage_script_is_in_the_graph():
    assert {file.stem for file in (ROOT / "stages").glob("*.py")} == set(STAGES)


def test_the_default_graph_stays_below_150_stages(params):
    sizes = {"arm": params.arms, "seed": params.seeds, "round": params.rounds, "after": params.evaluate.after}
    sizes |= {"temperature": params.evaluate.sweep}
    count = 0
    for stage in STAGES.values():
        instances = 1
        for axis in stage.get("matrix", {}):
            instances *= len(sizes[axis])
        count += instances
    assert count <= 150
