"""Which stages belong together, where the dvc.yaml at hand has no such case."""

from mtpipe.run.study.parts import after, split


def test_shared_chains_and_what_needs_them():
    needs = {
        "plan": [],
        "prepare": ["plan"],
        "rollout@a-1": ["prepare"],
        "measure@a-1": ["rollout@a-1", "plan"],
        "rollout@b-1": ["prepare"],
        "look": ["prepare"],
        "report": ["measure@a-1", "rollout@b-1"],
    }
    chains = {"rollout@a-1": "a-1", "measure@a-1": "a-1", "rollout@b-1": "b-1"}
    parts = split(needs, chains)
    assert parts.shared == ["plan", "prepare"]
    assert parts.beside == ["look"], "no chain waits for it"
    assert parts.chains == {"a-1": ["rollout@a-1", "measure@a-1"], "b-1": ["rollout@b-1"]}
    assert parts.closing == ["report"]
    assert parts.order == list(needs)
    assert [parts.stages(part) for part in ("shared", "beside", "a-1", "closing")] == [
        parts.shared,
        parts.beside,
        parts.chains["a-1"],
        parts.closing,
    ]


def test_a_policy_is_evaluated_before_training_goes_on_for_long():
    needs = {
        "prepare": [],
        "update@a-1-0": ["prepare"],
        "rollout@a-1-1": ["update@a-1-0"],
        "update@a-1-1": ["rollout@a-1-1"],
    }
    needs |= {"evaluate@a-1-1": ["update@a-1-0", "prepare"], "evaluate@a-1-2": ["update@a-1-1"]}
    parts = split(needs, {stage: "a-1" for stage in needs if "@" in stage})
    evaluated = ["update@a-1-0", "rollout@a-1-1", "evaluate@a-1-1", "update@a-1-1", "evaluate@a-1-2"]
    assert parts.chains["a-1"] == evaluated
    assert parts.order == list(needs), "dvc.lock has the order of `dvc repro`"


def test_a_stage_of_a_chain_that_needs_another_chain_closes_the_study():
    needs = {
        "rollout@a-1": [],
        "rollout@b-1": [],
        "compare@a-1": ["rollout@a-1", "rollout@b-1"],
        "after": ["compare@a-1"],
    }
    parts = split(needs, {"rollout@a-1": "a-1", "rollout@b-1": "b-1", "compare@a-1": "a-1"})
    assert parts.closing == ["compare@a-1", "after"]


def test_side_by_side_what_follows_the_rounds_of_a_chain_and_what_the_last_stage_does_not_need_are_parts_of_their_own():
    needs = {
        "prepare": [],
        "start@a-1": ["prepare"],
        "rollout@a-1-0": ["start@a-1"],
        "update@a-1-0": ["rollout@a-1-0"],
        "evaluate@a-1-1": ["update@a-1-0", "prepare"],
        "rollout@a-1-1": ["update@a-1-0"],
        "update@a-1-1": ["rollout@a-1-1"],
        "evaluate@a-1-2": ["update@a-1-1"],
        "measure@a-1": ["rollout@a-1-1", "evaluate@a-1-1", "evaluate@a-1-2"],
        "rollout@b-1-0": ["prepare"],
        "evaluate@b-1-1": ["rollout@b-1-0"],
        "report": ["measure@a-1"],
        "look": ["evaluate@a-1-1"],
        "track": ["report"],
    }
    whole = split(needs, {stage: stage.partition("@")[2][:3] for stage in needs if "@" in stage})
    parts = whole.side_by_side()
    assert parts.chains["a-1"] == ["start@a-1", "rollout@a-1-0", "update@a-1-0", "rollout@a-1-1", "update@a-1-1"]
    assert parts.stages(after("a-1")) == ["evaluate@a-1-1", "evaluate@a-1-2", "measure@a-1"]
    assert parts.chains["b-1"] == whole.chains["b-1"], "one round"
    assert (parts.closing, parts.stages("look")) == (["report", "track"], ["look"])
    assert parts.aside.keys() == {"a-1-after", "look"}
