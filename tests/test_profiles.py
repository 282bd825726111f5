"""Profiles written into params.yaml: the values are the profile's, the comments are those that stood there."""

from pathlib import Path

import pytest
from builders import ROOT
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from mtpipe.errors import MtpipeError
from mtpipe.params import Params, differences, load_params
from mtpipe.profiles import describe_differences, list_profiles, use
from mtpipe.settings.flow import flow

PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))
SHIPPED = (ROOT / "params.yaml").read_text()


@pytest.fixture
def params(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(ROOT)
    (tmp_path / "params.yaml").write_text(SHIPPED)
    return tmp_path / "params.yaml"


def comments(text: str) -> list[str]:
    return [line.partition("#")[2].strip() for line in text.splitlines() if "#" in line]


def test_params_yaml_as_shipped_has_every_setting_at_its_default():
    assert load_params(ROOT / "params.yaml") == Params()
    written = YAML(typ="safe").load(SHIPPED)
    for name, value in Params().model_dump(mode="json").items():
        if isinstance(value, dict) and name != "temperature":
            assert set(value) == set(written[name]), name


@pytest.mark.parametrize("profile", [PROFILES[0], *(pytest.param(one, marks=pytest.mark.slow) for one in PROFILES[1:])])
def test_a_profile_is_written_in_full_with_the_comments_and_the_default_brings_back_the_file(params, profile):
    use(profile, params)
    text = params.read_text()
    assert load_params(params) == load_params(ROOT / "profiles" / f"{profile}.yaml")
    assert not [each for each in comments(SHIPPED) if each not in comments(text)]
    content = YAML(typ="safe").load(text)
    for section in ("sampling", "update", "evaluate", "reward"):
        assert set(content[section]) == set(YAML(typ="safe").load(SHIPPED)[section])
    assert content["rounds"][-1]["next"] == len(content["rounds"]) == content["evaluate"]["after"][-1]
    use("default", params)
    assert (params.parent / "params.before.yaml").read_text() == text
    back = params.read_text()
    assert YAML(typ="safe").load(back) == YAML(typ="safe").load(SHIPPED)
    assert [line.split() for line in back.splitlines() if "moves: high" not in line] == [
        line.split() for line in SHIPPED.splitlines() if "moves: high" not in line
    ]


def test_a_profile_has_only_what_differs():
    for profile in PROFILES:
        path = ROOT / "profiles" / f"{profile}.yaml"
        shipped = Params().model_dump(mode="json")
        for section, values in YAML(typ="safe").load(path.read_text()).items():
            if section in ("arms", "seeds", "rounds", "temperature", "task"):
                continue
            same = [key for key, value in values.items() if shipped[section][key] == value]
            assert not same, (profile, section)


def test_values_are_replaced_where_a_user_laid_the_file_out_otherwise(params):
    text = SHIPPED.replace("seeds: [1]", "seeds:\n  - 3 # mine\n  - 4")
    text = text.replace("  prompts: 256\n", "").replace(
        "  betas: [0.9, 0.95]\n", "  betas:\n    - 0.8 # low\n    - 0.9\n"
    )
    text = text.replace("  experiment: mtpipe\n", '  experiment: "a # b"  # a name\n')
    params.write_text(text)
    use("default", params)
    assert load_params(params) == Params()
    assert "  # a name\n" in params.read_text() or " # a name\n" in params.read_text()
    assert "  prompts: 256\n" in params.read_text()


def test_differences_compare_values_and_not_their_spelling(params):
    assert describe_differences(params).endswith("has the shipped settings.")
    params.write_text(
        SHIPPED.replace("learning_rate: 3.0e-4", "learning_rate: 0.0003").replace("high: 1.2", "high: 1.20")
    )
    assert differences(load_params(params)) == []
    params.write_text(SHIPPED.replace("prompts: 256", "prompts: 128").replace("end: 1.4", "end: 1.5"))
    assert {key: (shipped, here) for key, shipped, here in differences(load_params(params))} == {
        "temperature.linear": (
            "{schedule: {kind: linear, start: 1.0, end: 1.4, over: 4}}",
            "{schedule: {kind: linear, start: 1.0, end: 1.5, over: 4}}",
        ),
        "sampling.prompts": ("256", "128"),
    }


@pytest.mark.parametrize("profile", ["nosuch", "profiles/nosuch.yaml"])
def test_an_unknown_profile_is_told_the_known_ones_and_nothing_is_written(params, profile):
    with pytest.raises(MtpipeError, match=r"countdown, .*miniature-study"):
        use(profile, params)
    assert params.read_text() == SHIPPED


def test_a_faulty_profile_or_params_yaml_changes_nothing(params, tmp_path):
    (tmp_path / "mine.yaml").write_text("sampling: {promts: 3}\n")
    with pytest.raises(MtpipeError, match="sampling: unknown key 'promts'"):
        use(str(tmp_path / "mine.yaml"), params)
    assert params.read_text() == SHIPPED
    params.write_text("arms: [a\n")
    with pytest.raises(MtpipeError, match="not readable as YAML"):
        use("default", params)
    assert params.read_text() == "arms: [a\n"


@pytest.mark.parametrize("profile", ["default", "miniature-study"])
@pytest.mark.parametrize(
    ("change", "section"),
    [
        ("warm_start.steps=7", "warm_start"),
        ("task.right_order=0.3", "task"),
        ("seeds=[4, 9]", "seeds"),
        ("model.lora={rank: 4}", "model"),
        ("temperature.uniform.schedule={kind: constant, value: 0.9}", "temperature"),
        ("update.mismatch.kind=token_mask", "update"),
        ("update.mismatch.veto=1.0e-4", "update"),
    ],
)
def test_a_change_is_written_over_the_profile_and_nothing_else_is(params, profile, change, section):
    use(profile, params)
    before = load_params(params)
    use(profile, params, [change])
    after = load_params(params)
    assert {name for name in Params.model_fields if getattr(after, name) != getattr(before, name)} == {section}
    key, value = change.split("=", 1)
    found = after
    for name in key.split("."):
        found = found[name] if isinstance(found, dict) else getattr(found, name)
    plain = found.model_dump() if hasattr(found, "model_dump") else found
    expected = YAML(typ="safe").load(value)
    assert plain == expected or {key: plain[key] for key in expected} == expected


def test_several_changes_and_the_later_one_counts(params):
    said = use("default", params, ["sampling.prompts=192", "sampling.max_new_tokens=40", "sampling.prompts=128"])
    assert "the shipped default with sampling.prompts=192, sampling.max_new_tokens=40, sampling.prompts=128: 5" in said
    assert load_params(params).sampling.prompts == 128
    assert load_params(params).sampling.max_new_tokens == 40


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("sampling.promts=3", "sampling: unknown key 'promts'; did you mean 'prompts'"),
        ("sampling.prompts=many", "sampling.prompts: .*found 'many'"),
        ("sampling.prompts", "no change; expected a setting with its value"),
        ("=3", "no change"),
        ("seeds.first=3", "seeds has no settings of its own"),
        ("sampling.prompts.first.of=3", "sampling.prompts: Input should be a valid integer"),
        ("seeds=[1", "not readable as YAML"),
        ("tracking.experiment=2026-13-01", "not readable as YAML: month must be in"),
        ("nosuch.key=1", "unknown key 'nosuch'"),
    ],
)
def test_a_faulty_change_names_itself_and_writes_nothing(params, change, told):
    with pytest.raises(MtpipeError, match=told) as raised:
        use("default", params, [change])
    assert change in str(raised.value)
    assert params.read_text() == SHIPPED


def test_a_layout_that_cannot_be_rewritten_is_left_as_it_was(params, monkeypatch):
    monkeypatch.setattr("mtpipe.profiles.rewritten", lambda *_: "arms: [a\n")
    with pytest.raises(MtpipeError, match="laid out in a way that cannot be rewritten"):
        use("miniature-study", params)
    assert params.read_text() == SHIPPED


def test_every_profile_is_listed_with_a_sentence(params):
    assert [line.partition(":")[0] for line in list_profiles().splitlines()] == ["default", *PROFILES]


@pytest.mark.slow
@example({"A}": ["a{b", "{"]})
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    )
)
def test_flow_reads_back_as_the_same_value(value):
    read = YAML(typ="safe", pure=True).load(f"key: {flow(value)}")["key"]
    assert read == value
    assert type(read) is type(value)


def test_the_adapters_profile_is_the_full_one_but_for_what_an_adapter_asks_for():
    full, lora = (load_params(ROOT / "profiles" / f"qwen2.5-math-1.5b{end}.yaml") for end in ("", "-lora"))
    adapted = lora.model_copy(
        update={
            "model": lora.model.model_copy(update={"lora": None}),
            "update": lora.update.model_copy(update={"learning_rate": full.update.learning_rate}),
            "sampling": lora.sampling.model_copy(update={"batch_size": full.sampling.batch_size}),
            "tracking": full.tracking,
            "storage": full.storage,
        }
    )
    assert (full.storage.keep, lora.storage.keep) == (0, 1), "an adapter's optimizer state is small enough to stay"
    assert lora.model.lora is not None
    assert lora.update.learning_rate == pytest.approx(10 * full.update.learning_rate)
    assert adapted == full
