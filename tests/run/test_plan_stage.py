"""The stage `plan` itself; what it writes is in test_fingerprint.py and tests/temperature."""

from pathlib import Path

import pytest
from builders import write_params
from own_classes import write_class

from mtpipe.errors import MtpipeError
from stages import plan

pytestmark = pytest.mark.slow


def append(file: Path) -> None:
    file.open("a").write("\nEDITED = True\n" if file.suffix == ".py" else "\n# edited\n")


@pytest.mark.parametrize("edited", ["params.yaml", "plugins/rewards.py"])
def test_what_is_edited_while_the_plan_is_made_of_it_is_named(tmp_path, monkeypatch, edited):
    """DVC would record the plan as if it had been made of what is there at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    write_class("rewards", "def short(problem, responses):\n    return [0.0 for _ in responses]\n")
    write_params({"reward.parts": {"plugins.rewards.short": 1.0}})
    plan.main()
    written = plan.write_stage_plans

    def write_and_edit(*given: object) -> None:
        written(*given)
        append(tmp_path / edited)

    monkeypatch.setattr(plan, "write_stage_plans", write_and_edit)
    with pytest.raises(MtpipeError, match=edited):
        plan.main()
