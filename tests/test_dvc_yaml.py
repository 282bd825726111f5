"""dvc.yaml against the stages' scripts."""

import re

import pytest
from builders import ROOT
from ruamel.yaml import YAML

STAGES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]


def test_every_stage_script_is_in_the_graph():
    assert {file.stem for file in (ROOT / "stages").glob("*.py")} == set(STAGES)


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "plan"])
def test_a_stage_depends_on_data_and_its_own_plan(stage):
    paths = [dep for dep in STAGES[stage]["deps"] if dep != "inputs"]
    assert all(path.startswith(("data/", "report/")) for path in paths)
    assert [path for path in paths if path.startswith("data/stages/")] == [f"data/stages/{stage}.json"]
    assert "params" not in STAGES[stage]


def test_the_commands_have_the_arguments_that_the_scripts_ask_for():
    for stage, found in STAGES.items():
        main = re.search(r"def main\((.*?)\) -> None", (ROOT / "stages" / f"{stage}.py").read_text(), re.DOTALL)
        arguments = re.findall(r"(\w+): ", main[1].partition("*")[0])
        assert re.findall(r"--(\w+)", found["cmd"]) == arguments, stage


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
