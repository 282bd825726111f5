"""Every way to get params.yaml wrong, and what the user reads."""

import subprocess
import sys

import pytest
from builders import ROOT, changed_params, write_params
from pydantic import ValidationError

from mtpipe.errors import MtpipeError
from mtpipe.params import Params, load_params
from mtpipe.settings.update import EntropyBonus

LINES = (ROOT / "params.yaml").read_text().splitlines(keepends=True)
SHIPPED = "".join(line for line in LINES if not line.startswith("#"))


def fault(tmp_path, found: str, replaced_by: str) -> str:
    """The message after one edit of the shipped params.yaml."""
    assert found in SHIPPED
    file = tmp_path / "params.yaml"
    file.write_text(SHIPPED.replace(found, replaced_by, 1))
    with pytest.raises(MtpipeError) as error:
        load_params(file)
    return str(error.value)


def test_the_shipped_file_is_valid_and_has_the_five_arms(params):
    assert params.arms == ["uniform", "token", "spread", "linear", "spike"]


@pytest.mark.parametrize("profile", sorted((ROOT / "profiles").glob("*.yaml")), ids=lambda profile: profile.stem)
def test_every_profile_is_valid(profile):
    assert load_params(profile).plans()


@pytest.mark.parametrize(
    ("found", "replaced_by", "expected"),
    [
        ("sampling:\n", "samplng:\n", "unknown key 'samplng'; did you mean 'sampling'?"),
        ("learning_rate: 3.0e-4", "learning_rat: 3.0e-4", "update: unknown key 'learning_rat'; did you mean"),
        ("end: 1.4, over: 4", "end: 1.4, ovr: 4", "unknown key 'ovr'; did you mean 'over'?"),
        (
            "value: 1.0",
            "value: 0.0",
            "arm 'uniform', round 0: it comes to a temperature of 0.0; it has to stay above 0",
        ),
        ("value: 1.0", "value: -0.5", "greater than or equal to 0; found -0.5"),
        ("value: 1.0", "value: hot", "found 'hot'"),
        ("value: 1.0", "value: .nan", "finite number"),
        ("quantile: 0.8}, moves: high}\n  spread", "quantile: -0.2}, moves: high}\n  spread", "found -0.2"),
        ("[uniform, token,", "[uniform, token, token,", "arms: listed more than once: token"),
        ("[uniform, token,", "[uniform, tokens,", "temperature has no entry 'tokens'"),
        ("  spike:\n", "  linear:\n", "duplicate key"),
        ("group_size: 8", "group_size: 1", "sampling.group_size: Input should be greater than or equal to 2; found 1"),
        ("group_size: 8", "group_size: 6", "8 entries for a group of 6"),
        (
            "refill: null",
            "refill: {until: prompts, at_most: 0}",
            "sampling.refill.at_most: Input should be greater than",
        ),
        (
            "refill: null",
            "refill: {until: tokens, at_most: 3}",
            "sampling.refill.until: Input should be 'prompts'; found",
        ),
        ("refill: null", "refill: {until: prompts}", "sampling.refill.at_most: Field required"),
        ("refill: null", "refill: {until: prompts, most: 3}", "sampling.refill: unknown key 'most'; did you mean"),
        ("n: 3, next: 4", "n: 4, next: 5", "rounds[3]"),
        ("  after: [2, 5]", "  after: [1, 4]", "evaluate.after is [1, 4]"),
        ("benchmarks: {}", "benchmarks: {longer: {sample: 9}}", "benchmarks.longer: unknown key 'sample'"),
        ("benchmarks: {}", "benchmarks: {longer: {top_p: 0}}", "evaluate.benchmarks.longer.top_p"),
        ("benchmarks: {}", "benchmarks: {lnger: {samples: 2}}", "evaluate.benchmarks has an entry 'lnger'; the bench"),
        ("sweep: []", "sweep: [0.6, 0.0]", "evaluate.sweep.1"),
        ("sweep: []", "sweep: [0.6, 0.6]", "more than once"),
        ("baseline: uniform", "baseline: unifrm", "report.baseline is 'unifrm'"),
        ("processes: 1 ", "processes: 0 ", "update.processes: Input should be greater than or equal to 1; found 0"),
        ("lora: null", "lora: {rank: 0}", "model.lora.rank: Input should be greater than or equal to 1; found 0"),
        ("lora: null", "lora: {ranks: 8}", "model.lora: unknown key 'ranks'; did you mean 'rank'?"),
        ("lora: null", "lora: {targets: []}", "model.lora.targets"),
        ("workers: null", "workers: 0", "ray.workers: Input should be greater than or equal to 1; found 0"),
        (
            "{kind: linear, start: 1.0, end: 1.4, over: 4}\n  spike",
            "{kind: piecewise, points: [[0, 1.0], [3, 1.2]]}\n  spike",
            "arm 'linear', round 4: the points end at round 3",
        ),
        (
            "{kind: staircase, start",
            "{kind: stair, start",
            "temperature.spike.schedule: no schedule has the kind 'stair'",
        ),
        ("offsets: [0.0, 0.0, -0.1", "offsets: [0.0, 0.0, -1.1", "arm 'spread', round 0"),
    ],
)
def test_a_fault_is_named_with_its_key_its_value_and_the_remedy(tmp_path, found, replaced_by, expected):
    assert expected in fault(tmp_path, found, replaced_by)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            "{top_entrpy: 0.2}",
            "temperature.uniform.update: the loss: unknown key 'top_entrpy'; did you mean 'top_e",
        ),
        ("{learning_rate: 1.0}", "unknown key 'learning_rate'"),
        ("{top_entropy: 0.0}", "temperature.uniform.update: top_entropy: Input should be greater than 0; found 0.0"),
        ("{loss: gspo, top_entropy: 0.2}", "gspo has one for the whole response"),
        ("{loss: cispo, entropy_clip: {}}", "entropy_clip acts on the clip and the gradient of each token's own ratio"),
        ("{loss: gspo, covariance: {kind: clip_cov}}", "covariance acts on the clip"),
        ("{entropy_clip: {}, covariance: {kind: kl_cov}}", "kl_cov does without a clip"),
        ("{target: untempered, mismatch: {kind: token_truncate}}", "mismatch token_truncate only weighs"),
        ("{mismatch: {kind: token_mask, cap: 2.0}}", "unknown key 'cap'"),
        ("{mismatch: {kind: geometric_mask, high: 0.9}}", "greater than 1; found 0.9"),
        ("{covariance: {kind: clip_cov, low: 6.0}}", "low (6.0) has to be below high (5.0)"),
    ],
)
def test_an_arms_own_loss_is_checked_by_the_same_schema(tmp_path, changes, expected):
    assert expected in fault(tmp_path, "value: 1.0}\n", f"value: 1.0}}\n    update: {changes}\n")


def test_an_arms_own_loss_stands_in_the_place_of_the_common_one(tmp_path, params):
    own = "value: 1.0}\n    update: {top_entropy: 0.2, dual_clip: null, entropy_bonus: {target: 0.3}}\n"
    (tmp_path / "params.yaml").write_text(SHIPPED.replace("value: 1.0}\n", own, 1))
    found = load_params(tmp_path / "params.yaml")
    changed = {"top_entropy": 0.2, "dual_clip": None, "entropy_bonus": EntropyBonus(target=0.3)}
    assert found.update.overridden(found.temperature["uniform"].update) == params.update.model_copy(update=changed)
    assert found.update.overridden(found.temperature["token"].update) == params.update


def test_a_benchmark_has_its_own_settings_where_it_names_them_and_the_common_ones_elsewhere(tmp_path, params):
    edited = SHIPPED.replace("benchmarks: {}", "benchmarks: {longer: {samples: 256, temperature: 0.6}}")
    (tmp_path / "params.yaml").write_text(edited)
    evaluate = load_params(tmp_path / "params.yaml").evaluate
    assert evaluate.of("same") == params.evaluate.of("same")
    assert evaluate.of("longer") == evaluate.of("same").model_copy(update={"samples": 256, "temperature": 0.6})


def test_zero_rounds_are_refused(tmp_path):
    start, end = SHIPPED.index("rounds:\n"), SHIPPED.index("temperature:\n")
    assert "rounds: List should have at least 1 item" in fault(tmp_path, SHIPPED[start:end], "rounds: []\n")


def test_all_faults_are_listed_at_once(tmp_path):
    message = fault(tmp_path, SHIPPED, SHIPPED.replace("heads: 2", "heads: 0").replace("threads: 1", "threads: 0"))
    assert "model.heads" in message
    assert "compute.threads" in message


@pytest.mark.parametrize(("rank", "engine_args"), [(600, {}), (32, {"max_lora_rank": 16})])
def test_an_adapter_that_vllm_has_no_room_for_is_refused(rank, engine_args):
    changes = {"model.lora": {"rank": rank}, "sampling": {"engine": "vllm"}, "sampling.vllm.engine_args": engine_args}
    with pytest.raises(ValidationError, match=rf"model\.lora\.rank is {rank}, and vLLM takes adapters of at most"):
        Params.model_validate(changed_params(changes))
    assert Params.model_validate(changed_params({**changes, "sampling": {"engine": "torch"}})).model.lora.rank == rank


@pytest.mark.parametrize("rank", [24, 16.0, "16", True, None])
def test_max_lora_rank_is_one_that_vllm_takes(rank):
    changes = {"model.lora": {"rank": 1}, "sampling": {"engine": "vllm"}}
    with pytest.raises(ValidationError, match=rf"engine_args\n.*max_lora_rank is {rank!r}; expected one of 1, 8, 16"):
        Params.model_validate(changed_params({**changes, "sampling.vllm.engine_args": {"max_lora_rank": rank}}))
    Params.model_validate(changed_params({**changes, "sampling.vllm.engine_args": {"max_lora_rank": 16}}))


@pytest.mark.parametrize("name", ["logits_processors", "speculative_config", "enable_lora", "dtype"])
def test_arguments_of_vllm_that_are_not_free_are_refused_by_name(name):
    changes = {"sampling.vllm.engine_args": {name: None, "block_size": 32}}
    with pytest.raises(ValidationError, match=rf"engine_args\n.*may not set {name}, "):
        Params.model_validate(changed_params(changes))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("rank", rank) for rank in (0, -3, 4.5, 4.0, "8", True, None)),
        *(("alpha", alpha) for alpha in (0, -1, float("inf"), None, "x")),
        *(("targets", targets) for targets in ([], "q_proj", "all_linear", ["all-linear"], ["q_proj", 3], None)),
        *(("base", base) for base in ("int8", 4)),
        ("dropout", 0.1),
    ],
)
def test_an_adapters_faulty_setting_is_named_in_one_line(tmp_path, key, value):
    write_params({"model.lora": {key: value}}, tmp_path / "params.yaml")
    with pytest.raises(MtpipeError) as refused:
        load_params(tmp_path / "params.yaml")
    [line] = str(refused.value).splitlines()[1:]
    assert f"model.lora.{key}: " in line or f"unknown key {key!r}" in line
    assert key == "dropout" or line.endswith(f"found {value!r}")


@pytest.mark.parametrize("engine", ["vllm", "auto"])
def test_a_base_in_4_bits_is_the_updates_and_vllms_or_neithers(engine):
    def base(in_update, in_vllm, **update):
        changes = {"model.lora": {"rank": 8, "base": in_update}, "sampling": {"engine": engine}, "update": update}
        return Params.model_validate(changed_params({**changes, "sampling.vllm.quantization": in_vllm}))

    assert base("nf4", "nf4").update_of("uniform").tolerance == base(None, None).update_of("uniform").tolerance == 1e-5
    for pair in (("nf4", None), (None, "nf4"), ("nf4", "fp8")):
        with pytest.raises(ValidationError, match=r"model\.lora\.base is .* and sampling\.vllm\.quantization .*: vLLM"):
            base(*pair)
    assert base("nf4", None, logprob_tolerance=0.1).update_of("uniform").tolerance == 0.1
    with pytest.raises(ValidationError, match="set both to nf4, or neither"):
        base(None, "nf4", logprob_tolerance=0.1)


def test_a_base_in_4_bits_is_one_process_s_and_the_torch_engine_has_it_by_itself():
    changes = {"model.lora": {"rank": 8, "base": "nf4"}, "update": {"processes": 2}}
    with pytest.raises(ValidationError, match=r"model\.lora\.base is nf4, .* update\.processes is 2; set"):
        Params.model_validate(changed_params(changes))
    assert Params.model_validate(changed_params({**changes, "update": {}})).model.lora.base == "nf4"
    with pytest.raises(ValidationError, match=r"lora\.base"):
        Params.model_validate(changed_params({"model.lora": {"base": "int4"}}))


def test_the_8_bit_optimizer_and_several_processes_exclude_each_other(params):
    found = params.model_dump()
    found["update"] |= {"optimizer": "adamw_8bit", "processes": 2}
    with pytest.raises(ValueError, match=r"update\.processes is 2; set the one to adamw or the other to 1"):
        Params.model_validate(found)


@pytest.mark.parametrize(
    ("vllm", "address", "expected"),
    [
        ({"data_parallel": 2}, "auto", "ray.workers is 3, each of which is one engine"),
        ({}, None, "set ray.workers to null and sampling.vllm.data_parallel to 3"),
    ],
)
def test_there_is_one_way_to_ask_for_several_vllm_engines(params, vllm, address, expected):
    found = params.model_dump()
    found["sampling"]["engine"] = "vllm"
    found["sampling"]["vllm"] |= {"data_parallel": 2}
    Params.model_validate(found)
    found["sampling"]["vllm"] |= {"data_parallel": 1, **vllm}
    found["ray"] = {"workers": 3, "address": address}
    with pytest.raises(ValueError, match=expected):
        Params.model_validate(found)


DRAWN = {"spread": {"drawn": {"kind": "uniform", "low": 0.8, "high": 1.2}}}
CUTS = {"mixed_cuts": {}}
WINDOW = {"token": {"kind": "entropy_window", "low": 1.0, "high": 1.2}}


@pytest.mark.parametrize(
    ("arm", "section", "changed", "expected"),
    [
        (WINDOW, "sampling", {"engine": "vllm"}, "uniform.token is entropy_window, which depends on all"),
        (WINDOW, "ray", {"workers": 2}, "set sampling.engine to torch and ray.workers to null"),
        ({"truncation": {"top_p": 0.9}}, "update", {"target": "untempered"}, "set it to tempered"),
        (CUTS, "update", {"target": "tempered"}, "uniform.mixed_cuts: update.target is tempered"),
        (DRAWN, "update", {"baseline": "temperature"}, "no two responses share a temperature"),
    ],
)
def test_what_an_arm_asks_for_and_another_section_cannot_give_is_refused(params, arm, section, changed, expected):
    found = params.model_dump()
    found["temperature"]["uniform"] = arm
    found["update"]["target"] = "untempered" if arm is CUTS else "tempered"
    Params.model_validate(found)
    found[section] |= changed
    with pytest.raises(ValueError, match=expected):
        Params.model_validate(found)


@pytest.mark.parametrize("content", ["", "- a list", "arms: [", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content):
    (tmp_path / "params.yaml").write_text(content)
    with pytest.raises(MtpipeError, match=r"params\.yaml"):
        load_params(tmp_path / "params.yaml")


@pytest.mark.slow
def test_a_stage_says_so_without_a_traceback_and_fails(tmp_path):
    (tmp_path / "params.yaml").write_text(SHIPPED.replace("group_size: 8", "group_size: 1"))
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    (tmp_path / "mtpipe").symlink_to(ROOT / "mtpipe")
    ended = subprocess.run(
        [sys.executable, "-m", "mtpipe.run.launch", "plan"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "sampling.group_size" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "data" / "plan").exists()


def test_a_temperature_of_the_sweep_replaces_a_benchmarks_own(params):
    assert params.evaluate.of("same", 0.3) == params.evaluate.of("same").model_copy(update={"temperature": 0.3})
