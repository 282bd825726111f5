"""Classes from outside the package: what is told of faults in what names them and in their files."""

import hashlib
import re

import pytest
from builders import ROOT, write_params
from own_classes import EXAMPLES, write_class

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json
from mtpipe.params import load_params
from mtpipe.run.fingerprint import Fingerprints
from mtpipe.run.stage_plan import check_code
from mtpipe.settings.losses import loss_kind
from mtpipe.settings.plugins import load_class, load_function, used_plugins
from mtpipe.tasks.task import task_class
from mtpipe.temperature.annealed_spread import OwnSpread
from mtpipe.temperature.controllers.controller import BeforeRound, Controller
from mtpipe.temperature.controllers.state import state_after, state_before
from mtpipe.temperature.rules.outside import load_rule
from mtpipe.temperature.schedule import Schedule

pytestmark = pytest.mark.slow

KINDS = {
    "token rule": (load_rule, "cooling", "Cooling", "resolve(self"),
    "schedule": (lambda path: load_class(path, Schedule, "schedule"), "sawtooth", "Sawtooth", "at(self, round"),
    "spread": (lambda path: load_class(path, OwnSpread, "spread"), "fan", "Fan", "offsets(self, round"),
    "controller": (lambda path: load_class(path, Controller, "controller"), "stirring", "Stirring", "before(self"),
    "task": (task_class, "quiz", "Quiz", "prepare(self"),
}
"""Of each kind: what loads it, its example in docs/plugins.md, and a method that it has to have."""

FUNCTIONS = {
    "loss": (loss_kind, "fading", "tokens"),
    "part of the reward": (
        lambda path: load_function(path, ("problem", "responses"), "part of the reward"),
        "waits",
        "problem, responses",
    ),
}
"""Of each kind that is a function: what loads it, its example, which is called as its file, and its arguments."""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The working directory, with the page's examples."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in EXAMPLES.items():
        write_class(name, text)
    return tmp_path


def configure(**arm) -> None:
    changes = {"rounds": [{"n": 0, "next": 1}], "evaluate.after": [1], "arms": ["own"], "report.baseline": "own"}
    write_params(changes | {"temperature": {"own": arm}})


def fault(**arm) -> str:
    configure(**arm)
    with pytest.raises(MtpipeError) as error:
        load_params()
    return str(error.value)


@pytest.mark.parametrize("what", KINDS)
def test_a_class_of_each_kind_is_loaded_and_its_faults_are_told_with_file_and_line(project, what):
    load, file, name, method = KINDS[what]
    assert load(f"plugins.{file}.{name}").__name__ == name
    faults = {
        "import nothing_like_it": "plugins.own needs nothing_like_it, which is not installed",
        "1\n1 / 0": "plugins.own does not load: ZeroDivisionError: division by zero (plugins/own.py, line 2)",
        "1\n2\ndef": "plugins.own does not load: SyntaxError: invalid syntax (plugins/own.py, line 3)",
        f"class {name}:\n    pass\n": f"plugins.own has no {what} '{name}'; it has none",
        EXAMPLES[file].replace(f"class {name}(", "class Other("): f"has no {what} '{name}'; it has Other",
        EXAMPLES[file].replace(f"def {method}", f"def not_{method}"): f"has to have: {method}",
    }
    for text, expected in faults.items():
        write_class("own", text)
        with pytest.raises(ValueError, match=re.escape(expected)):
            load(f"plugins.own.{name}")
    with pytest.raises(ValueError, match=r"there is no module plugins\.owm, neither in this folder nor installed"):
        load(f"plugins.owm.{name}")


@pytest.mark.parametrize("what", FUNCTIONS)
def test_a_function_of_each_kind_is_loaded_and_its_faults_are_told_with_file_and_line(project, what):
    load, name, arguments = FUNCTIONS[what]
    load(f"plugins.{name}.{name}")
    faults = {
        "import nothing_like_it": "plugins.own needs nothing_like_it, which is not installed",
        "1\n1 / 0": "plugins.own does not load: ZeroDivisionError: division by zero (plugins/own.py, line 2)",
        "1\n2\ndef": "plugins.own does not load: SyntaxError: invalid syntax (plugins/own.py, line 3)",
        f"{name} = 1": f"plugins.own has no function '{name}'; it has none",
        f"def {name}d(a):\n    return a": f"plugins.own has no function '{name}'; it has {name}d",
        f"1\ndef {name}():\n    return 1": f"plugins/own.py, line 2 cannot be called with ({arguments}), as a",
    }
    for text, expected in faults.items():
        write_class("own", text)
        with pytest.raises(ValueError, match=re.escape(expected)):
            load(f"plugins.own.{name}")


@pytest.mark.parametrize(
    ("arm", "expected"),
    [
        ({"token": {"kind": "plugins.cooling.Coolin"}}, "temperature.own.token: plugins.cooling.Coolin: plugins"),
        (
            {"token": {"kind": "cooling"}},
            "no token rule has the kind 'cooling'; expected a mapping with one of uniform",
        ),
        ({"token": {"kind": "plugins.cooling.Cooling", "hlf": 1}}, "unknown key 'hlf'; did you mean 'half'?"),
        ({"token": {"kind": "plugins.cooling.Cooling", "half": -1}}, "token.half: Input should be greater than 0"),
        ({"schedule": {"kind": "plugins.sawtooth.Sawtooth"}}, "temperature.own.schedule.low: Field required"),
        ({"schedule": {"kind": "saw"}}, "no schedule has the kind 'saw'; expected a mapping with one of constant"),
        ({"spread": {"kind": "plugins.sawtooth.Sawtooth"}}, "plugins.sawtooth has no spread 'Sawtooth'; it has none"),
        ({"spread": {"kind": "plugins.fan.Fan", "width": 1.5, "over": 2}}, "it comes to a temperature of -0.5"),
        ({"controller": {"kind": "plugins.stirring.Stirring", "step": 0}}, "controller.step: Input should be greater"),
        ({"controller": {"kind": "stirring"}}, "no controller has the kind 'stirring'; expected a mapping with one of"),
    ],
)
def test_a_fault_in_what_names_the_class_is_told_with_its_key(project, arm, expected):
    assert expected in fault(**arm)


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("cooling", "tokens.positions /", "tokens.position /", "AttributeError: 'NextTokens' object has no attribute"),
        ("cooling", '.clip(numbers["floor"], numbers["top"])', "", "; its span is 0.3 to 1.6"),
        ("cooling", '.clip(numbers["floor"], numbers["top"])', "[:1]", "gave the shape [1] for 4 tokens; expected [4]"),
        (
            "cooling",
            "return self.floor, self.top",
            "return 0.0, self.top",
            "is 0.0 to 1.6; it has to be finite and above",
        ),
        ("cooling", "return self.floor, self.top", "return self.top", "TypeError: cannot unpack"),
        ("cooling", "return ResolvedCooling(base=base", "return dict(base=base", "`resolve` gave {'base': 1.0"),
        ("cooling", "        return 1.0", "        return 1 / 0", "plugins.cooling.Cooling fails: ZeroDivisionError"),
        ("sawtooth", "return self.low", "return self.lo", "AttributeError: 'Sawtooth' object has no attribute 'lo'"),
        (
            "sawtooth",
            "return self.low",
            "return str(self.low) or self.low",
            "gave '0.9' for round 0; expected a number",
        ),
        ("fan", "range(group_size)]", "range(3)]", "expected 8 numbers"),
        ("fan", "return [width", "return [float('nan') * width", "expected 8 numbers"),
        ("stirring", "return self.lowest,", "return self.lowst,", "'Stirring' object has no attribute 'lowst'"),
    ],
)
def test_what_a_class_does_wrong_is_told_by_the_plan_with_file_and_line(project, file, old, new, expected):
    arms = {
        "cooling": {"token": {"kind": "plugins.cooling.Cooling"}},
        "sawtooth": {"schedule": {"kind": "plugins.sawtooth.Sawtooth", "low": 0.9, "high": 1.3, "every": 3}},
        "fan": {"spread": {"kind": "plugins.fan.Fan", "width": 0.4, "over": 4}},
        "stirring": {"controller": {"kind": "plugins.stirring.Stirring"}},
    }
    assert old in EXAMPLES[file]
    write_class(file, EXAMPLES[file].replace(old, new))
    found = fault(**arms[file])
    assert expected in found
    assert "arm 'own', round 0: " in found
    assert expected.startswith(("`resolve` gave", "is 0.0 to")) or re.search(rf"plugins/{file}\.py, line \d+", found)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            'return state or {"temperature": self.start}',
            "return {}",
            "left {}; expected a `temperature` between 0.7 and",
        ),
        ('state or {"temperature": self.start}', '{"temperature": 9}', "expected a `temperature` between 0.7 and 1.5"),
        ('return state or {"temperature": self.start}', "return ahead", "JSON cannot hold the state BeforeRound"),
        ('return state or {"temperature": self.start}', "return 1.0", "left 1.0; expected a dict"),
        ("return state or", "return stat or", "NameError: name 'stat' is not defined (plugins/stirring.py, line 20)"),
    ],
)
def test_a_state_that_cannot_be_a_rounds_is_told(project, old, new, expected):
    write_class("stirring", EXAMPLES["stirring"].replace(old, new))
    kind = "plugins.stirring.Stirring"
    controller = load_class(kind, Controller, "controller").model_validate({"kind": kind})
    with pytest.raises(MtpipeError, match=re.escape(expected)):
        state_before(controller, {}, BeforeRound(0, 0.5, lambda *_: []))
    write_class("stirring", EXAMPLES["stirring"].replace('{"temperature": round', '{"temperature": {1, 2} and round.x'))
    controller = load_class(kind, Controller, "controller").model_validate({"kind": kind})
    with pytest.raises(MtpipeError, match="AttributeError"):
        state_after(controller, {}, None)


def test_what_runs_again_after_an_edit_is_what_uses_the_code(project):
    from stages import plan

    write_class("helper", "HOT = 1.5\n")
    write_class("cooling", "from plugins import helper\n" + EXAMPLES["cooling"])
    configure(token={"kind": "plugins.cooling.Cooling"}, schedule={"kind": "constant", "value": 1.0})

    def digest() -> str:
        plan.main()
        return hashlib.sha256(paths.round_plan("own", 0).read_bytes()).hexdigest()

    first = digest()
    assert {"plugins/cooling.py", "plugins/helper.py"} <= set(read_json(paths.round_plan("own", 0))["sources"])
    write_class("cooling", "from plugins import helper  # a comment\n" + EXAMPLES["cooling"])
    assert digest() == first
    write_class("stirring", EXAMPLES["stirring"] + "EDITED = True\n")
    assert digest() == first
    write_class("helper", "HOT = 1.6\n")
    assert digest() != first
    second = digest()
    write_class("cooling", "from plugins import helper\n" + EXAMPLES["cooling"].replace("2 **", "3 **"))
    with pytest.raises(MtpipeError, match=r"plugins/cooling\.py changed after data/stages/rollout\.json"):
        check_code("rollout", paths.round_plan("own", 0))
    assert digest() != second
    assert used_plugins(load_params(ROOT / "params.yaml").model_dump(mode="json")) == []


def test_a_schedules_file_is_in_no_plan_because_its_numbers_are(project):
    from stages import plan

    configure(schedule={"kind": "plugins.sawtooth.Sawtooth", "low": 0.9, "high": 1.3, "every": 3})
    plan.main()
    found = read_json(paths.round_plan("own", 0))
    assert found["sources"] == {}
    assert found["group"][0]["base"] == 0.9
    assert "plugins/sawtooth.py" not in read_json(paths.stage_plan("rollout"))["code"]


def test_a_class_of_an_installed_package_counts_by_its_module(project):
    from json import decoder

    assert list(Fingerprints().of_plugins(["json.decoder.JSONDecoder"])) == [decoder.__file__]


def test_a_request_over_http_imports_nothing(project, monkeypatch):
    from mtpipe.sampling.vllm.request import OWN_ENGINE, read_rule

    monkeypatch.delenv(OWN_ENGINE, raising=False)  # a test of mtpipe's own engine may have left it

    setting = {"kind": "plugins.cooling.Cooling", "base": 1.0}
    with pytest.raises(ValueError, match=r"the kind 'plugins\.cooling\.Cooling' is not one of uniform"):
        read_rule({"token_temperature": setting})
