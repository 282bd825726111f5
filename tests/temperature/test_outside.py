"""A token rule from outside the package: the one that docs/adding-an-arm.md shows, in a round of real stages."""

import importlib
import re
import shutil
import sys

import pytest
from builders import ROOT, run_stage, write_params

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.params import load_params
from mtpipe.records import PROBLEMS, ROLLOUTS, read_rows, write_rows
from mtpipe.temperature.rules.outside import load_rule

SHOWN = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "adding-an-arm.md").read_text(), re.DOTALL)[1]


def write_rule(name: str, text: str) -> None:
    for module in ("plugins", f"plugins.{name}"):
        sys.modules.pop(module, None)
    with open(f"plugins/{name}.py", "w") as file:
        file.write(text)
    importlib.invalidate_caches()


@pytest.fixture
def project(tmp_path, monkeypatch, policy_folder):
    """A folder with a policy, problems, and params.yaml with an arm of the rule; the working directory."""
    from mtpipe.tasks.synthetic.arithmetic import generate_problems

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "plugins").mkdir()
    write_rule("pulse", SHOWN)
    write_params(
        {
            "temperature": {"pulse": {"token": {"kind": "plugins.pulse.Pulse", "hot": 1.6, "every": 4}}},
            "arms": ["pulse"],
            "rounds": [{"n": 0, "next": 1}],
            "evaluate.after": [1],
            "report.baseline": "pulse",
            "sampling": {"prompts": 8, "max_new_tokens": 12},
            "reward": {"format": 0.5, "overlong": -1.0},
            "update": {"prompts_per_step": 4, "logprob_tolerance": 1e-4},
        }
    )
    write_rows(paths.TRAIN, generate_problems(0, 3, 9, 99, 1, 0.0, 8, 1)["train"], PROBLEMS)
    for folder in (paths.WARM_START / "policy", paths.policy("pulse", 1, 0)):
        shutil.copytree(policy_folder, folder)
    return tmp_path


def test_a_rule_shown_in_the_docs_trains_through_the_stages(project):
    from stages import plan, rollout, update, verify

    assert len([line for line in SHOWN.splitlines() if line.strip()]) < 30
    plan.main()
    run_stage(rollout, "pulse", 1, 0)
    for row in read_rows(paths.rollouts("pulse", 1, 0), ROLLOUTS):
        expected = [1.6 if position % 4 == 0 else 1.0 for position in range(len(row["temperatures"]))]
        assert row["temperatures"] == pytest.approx(expected)
    run_stage(verify, "pulse", 1, 0)
    run_stage(update, "pulse", 1, 0)
    assert (paths.policy("pulse", 1, 1) / "model.safetensors").is_file()


def test_an_edit_of_the_rules_file_changes_the_plans_of_its_arm_alone(project):
    from stages import plan

    plan.main()
    before = paths.round_plan("pulse", 0).read_text()
    write_rule("pulse", SHOWN + "# a comment\n")
    plan.main()
    assert paths.round_plan("pulse", 0).read_text() != before
    assert all(not one.sources for one in load_params(ROOT / "params.yaml").plans())


def test_a_rule_that_was_edited_after_the_plan_is_not_sampled_with(project):
    from stages import plan, rollout

    plan.main()
    write_rule("pulse", SHOWN + "EDITED = True\n")
    with pytest.raises(MtpipeError, match=r"plugins\.pulse\.Pulse changed after the plan of arm 'pulse'"):
        run_stage(rollout, "pulse", 1, 0)
    assert not paths.rollouts("pulse", 1, 0).exists()


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (('numbers["hot"] * pulse', "-1.0 * pulse"), r"problem .*, response \d: .*Pulse gave token 0 T = -1\.0"),
        (('numbers["hot"] * pulse', "9.0 * pulse"), r"gave token 0 T = 9\.0; its span is 1\.0 to 1\.6"),
        (('numbers["hot"] * pulse', 'float("nan") * pulse'), r"gave token 0 T = nan"),
    ],
)
def test_a_rule_that_gives_a_temperature_outside_its_span_ends_the_round(project, edit, expected):
    from stages import plan, rollout

    assert edit[0] in SHOWN
    write_rule("pulse", SHOWN.replace(*edit))
    plan.main()
    with pytest.raises(MtpipeError, match=expected):
        run_stage(rollout, "pulse", 1, 0)
    assert not paths.rollouts("pulse", 1, 0).exists()


def test_a_span_that_reaches_zero_is_refused_by_the_plan(project):
    write_rule("pulse", SHOWN.replace("min(self.base, self.hot), max", "0.0, max"))
    with pytest.raises(MtpipeError, match=r"the span of token rule plugins\.pulse\.Pulse is 0\.0 to 1\.6"):
        load_params()


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (("plugins.pulse.Pulse", "plugins.puls.Pulse"), "there is no module plugins.puls, neither in this folder nor"),
        (("pulse.Pulse", "pulse.Plse"), "plugins.pulse has no token rule 'Plse'; it has Pulse"),
        (("hot: 1.6", "hott: 1.6"), "unknown key 'hott'; did you mean 'hot'?"),
        (("hot: 1.6", "hot: -1"), "temperature.pulse.token.hot: Input should be greater than 0; found -1"),
    ],
)
def test_a_fault_in_what_names_the_rule_is_told(project, edit, expected):
    (project / "params.yaml").write_text((project / "params.yaml").read_text().replace(*edit))
    with pytest.raises(MtpipeError) as error:
        load_params()
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import nothing_like_it", "plugins.broken needs nothing_like_it, which is not installed"),
        ("1 / 0", "plugins.broken does not load: ZeroDivisionError"),
        ("def", "plugins.broken does not load: SyntaxError"),
        ("from mtpipe.temperature.rules.rule import Rule\nclass Pulse(Rule): ...", "`resolved` has to be a subclass"),
    ],
)
def test_a_fault_in_the_rules_file_is_told(project, text, expected):
    write_rule("broken", text)
    with pytest.raises(ValueError, match=re.escape(expected)):
        load_rule("plugins.broken.Pulse")


def test_a_request_over_http_imports_nothing(project):
    from mtpipe.sampling.vllm.request import read_rule

    setting = {"kind": "plugins.pulse.Pulse", "base": 1.0, "hot": 1.2, "every": 2}
    with pytest.raises(ValueError, match=r"the kind 'plugins\.pulse\.Pulse' is not one of uniform"):
        read_rule({"token_temperature": setting})
