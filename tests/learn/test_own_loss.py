"""A loss of one's own: docs/plugins.md's, its place among the settings, and what is told of faults in one."""

import re

import pytest
import torch
from builders import write_params
from own_classes import EXAMPLES, write_class

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json
from mtpipe.learn.losses.aggregation import response_weights
from mtpipe.learn.losses.named import LossInputs, surrogate_of
from mtpipe.learn.round import update_settings
from mtpipe.params import load_params
from mtpipe.run.stage_plan import check_code
from mtpipe.settings.losses import LOSSES, loss_kind
from mtpipe.settings.update import Loss

pytestmark = pytest.mark.slow

FADING = "plugins.fading.fading"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The working directory, with the page's loss."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    write_class("fading", EXAMPLES["fading"])
    return tmp_path


def inputs(log_ratio: list[float], advantages: list[float]) -> LossInputs:
    at = torch.tensor(log_ratio, requires_grad=True)
    return LossInputs(
        at, at - 2.0, torch.tensor(advantages), torch.zeros(len(advantages), dtype=torch.long), 0.2, 0.28, 9.0
    )


def test_the_pages_loss_is_as_steep_as_the_plain_ratio_at_one_and_flat_far_from_it(project):
    tokens = inputs([0.0, 0.0, 5.0], [1.0, -2.0, 1.0])
    found = surrogate_of(FADING, tokens)
    found.loss.sum().backward()
    assert tokens.log_ratio.grad.tolist() == pytest.approx([-1.0, 2.0, 0.0], abs=1e-6)
    assert found.ratio.tolist() == pytest.approx([1.0, 1.0, torch.tensor(5.0).exp().item()])
    assert not found.clipped.any()


def test_the_table_says_what_the_losses_are_and_the_settings_follow_it(project):
    for name, kind in LOSSES.items():
        assert len(response_weights(kind.weights, [2, 4], ["a", "b"], 8)) == 2
        assert surrogate_of(name, inputs([0.1, 0.2], [1.0, -1.0])).loss.shape == (2,)
        for setting, allowed in (
            ({"top_entropy": 0.2}, kind.token_ratio),
            ({"entropy_clip": {}}, kind.clipped),
            ({"covariance": {"kind": "clip_cov"}}, kind.clipped),
        ):
            if allowed:
                Loss(loss=name, **setting)
            else:
                with pytest.raises(ValueError, match=f"{next(iter(setting))} .*{name}"):
                    Loss(loss=name, **setting)


def test_a_function_says_of_itself_what_the_table_says_of_the_others(project):
    write_class("fading", EXAMPLES["fading"].replace('weights="token_mean"', 'weights="constant", token_ratio=False'))
    kind = loss_kind(FADING)
    assert (kind.surrogate, kind.weights, kind.token_ratio, kind.clipped) == (FADING, "constant", False, False)
    with pytest.raises(ValueError, match=r"top_entropy needs .*plugins\.fading\.fading has one for the whole"):
        Loss(loss=FADING, top_entropy=0.5)
    write_class("fading", EXAMPLES["fading"].replace('@loss(weights="token_mean")\n', ""))
    assert loss_kind(FADING).weights == "token_mean"


def test_an_edit_runs_the_updates_of_the_arms_that_use_it_again(project):
    from stages import plan

    loss = {"schedule": {"kind": "constant", "value": 1.0}, "update": {"loss": FADING}}
    write_params({"arms": ["own", "other"], "report.baseline": "own", "temperature": {"own": loss, "other": {}}})
    plan.main()
    before = {path: path.read_text() for path in paths.PLAN.rglob("*.json")}
    assert "plugins/fading.py" in read_json(paths.arm_update("own"))["sources"]
    assert read_json(paths.arm_update("other"))["sources"] == {}
    assert update_settings("own").loss == FADING
    assert update_settings("other").loss == "dapo"
    write_class("fading", EXAMPLES["fading"].replace("tanh", "sin"))
    with pytest.raises(MtpipeError, match=r"plugins/fading\.py changed after data/stages/update\.json"):
        check_code("update", paths.arm_update("own"))
    check_code("update", paths.arm_update("other"))
    plan.main()
    assert [path for path in before if path.read_text() != before[path]] == [paths.arm_update("own")]


NAMED = [
    ({"loss": "fading"}, "update.loss: no loss is called 'fading'; expected one of grpo, dapo, bnpo, dr_grpo, gspo"),
    ({"loss": "plugins.fading.fade"}, "plugins.fading has no function 'fade'; it has loss, fading"),
    ({"loss": "plugins.fadin.fading"}, "update.loss: plugins.fadin.fading: there is no module plugins.fadin"),
]
LOADED = [
    ("import nothing_like_it", "update.loss: plugins.fading.fading: the module plugins.fading needs nothing_like_it"),
    ("1\n1 / 0", "does not load: ZeroDivisionError: division by zero (plugins/fading.py, line 2)"),
    ("1\n2\ndef", "does not load: SyntaxError: invalid syntax (plugins/fading.py, line 3)"),
    ("def fading(ratio, advantages):\n    return 1", "the function in plugins/fading.py, line 1 cannot be called with"),
]


@pytest.mark.parametrize(("update", "expected"), NAMED)
def test_a_fault_in_what_names_it_is_told_with_its_key(project, update, expected):
    write_params({"update": update})
    with pytest.raises(MtpipeError) as error:
        load_params()
    assert expected in str(error.value)


@pytest.mark.parametrize(("text", "expected"), LOADED)
def test_a_file_that_does_not_load_is_told_with_file_and_line(project, text, expected):
    write_class("fading", text)
    write_params({"update": {"loss": FADING}})
    with pytest.raises(MtpipeError) as error:
        load_params()
    assert expected in str(error.value)


BODY = "return -(tokens.log_ratio.exp() - 1).tanh() * tokens.advantages"
GIVEN = {
    "return 1.0": "gave 1.0; expected a tensor with a loss for each token",
    "return tokens.log_ratio.sum()": "gave the shape [] for 2 tokens; expected [2]",
    "return tokens.log_ratio[:1]": "gave the shape [1] for 2 tokens; expected [2]",
    "return tokens.log_ratio / 0": "gave nan for token 0, whose log-ratio is 0",
    "return tokens.advantages": "gave losses without a gradient; expected a function of tokens.log_ratio or",
    "return tokens.ratio": "fails: AttributeError: 'LossInputs' object has no attribute 'ratio'",
}


@pytest.mark.parametrize("body", GIVEN)
def test_what_it_gives_wrongly_is_told_with_file_and_line(project, body):
    assert BODY in EXAMPLES["fading"]
    write_class("fading", EXAMPLES["fading"].replace(BODY, body))
    with pytest.raises(MtpipeError, match=r"params\.yaml: update\.loss: plugins\.fading\.fading") as error:
        surrogate_of(FADING, inputs([0.0, 0.5], [1.0, 1.0]))
    assert GIVEN[body] in str(error.value)
    assert re.search(r"plugins/fading\.py, line \d+", str(error.value))
