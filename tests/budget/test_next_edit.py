"""The ablation that a finished study proposes."""

import json
import re

from mtpipe import paths
from mtpipe.budget.next_edit import next_edit
from mtpipe.params import Params


def only(params, *arms) -> Params:
    return params.model_copy(update={"arms": list(arms)})


def test_it_names_a_setting_that_is_there_with_its_present_value(params):
    for arm, path in (("linear", ("schedule", "end")), ("token", ("token", "high"))):
        said = "\n".join(next_edit(only(params, "uniform", arm)))
        key, new, now = re.search(r"set (\S+) to (\S+) \(now (\S+)\)", said).groups()
        assert key == ".".join(["temperature", arm, *path])
        found = params.temperature[arm]
        for name in path:
            found = getattr(found, name)
        assert float(now) == found
        assert float(new) == round(found + 0.2, 1)
        assert f"Difference to {params.report.baseline}" in said


def test_it_says_how_long_that_arm_took_here(params, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "min" not in "\n".join(next_edit(only(params, "linear")))
    paths.CLOCK.mkdir(parents=True)
    for name in ("rollout-linear-1-0", "update-linear-1-0", "update-token-1-0"):
        (paths.CLOCK / f"{name}.json").write_text(json.dumps({"started": 0, "seconds": 150}))
    assert "about 5 min" in next_edit(only(params, "linear"))[0]


def test_a_study_without_such_a_setting_gets_no_advice(params):
    assert next_edit(only(params, "uniform", "spread")) == []
