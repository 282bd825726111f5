"""The budget's formulas against what they predict: files on disk, tensors that autograd keeps, clocks."""

import json
from dataclasses import replace

import pytest
import torch
from builders import ROOT
from torch.profiler import ProfilerActivity, profile
from transformers import AutoModelForCausalLM, Qwen2Config

from mtpipe import paths
from mtpipe.__main__ import main
from mtpipe.budget import costs
from mtpipe.budget.costs import Lengths, Throughput
from mtpipe.budget.measured import expected_draws, measured_throughput
from mtpipe.budget.model_size import model_size, read_config
from mtpipe.errors import MtpipeError
from mtpipe.files import write_json
from mtpipe.learn.state.optimizer import Optimizer, write_state
from mtpipe.model.adapter_policy import new_adapter
from mtpipe.model.policy import load_policy, save_policy
from mtpipe.sampling.drawing.draw import draw_tokens
from mtpipe.settings.model import Lora
from mtpipe.settings.sampling import Refill
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.rules.uniform import ResolvedUniform
from mtpipe.temperature.truncation import NONE, Truncation

pytestmark = pytest.mark.slow

QWEN_1_5B = {
    "model_type": "qwen2",
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_attention_heads": 12,
    "num_hidden_layers": 28,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}


@pytest.fixture
def qwen(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(QWEN_1_5B))
    return tmp_path / "config.json"


def test_a_config_alone_gives_the_parameters_of_qwen_1_5b(qwen):
    size = model_size(read_config(qwen))
    assert size.parameters == 1_543_714_304
    assert (size.layers, size.key_value, size.vocabulary) == (28, 256, 151936)


def test_a_file_that_is_no_config_is_refused_by_name(tmp_path):
    with pytest.raises(MtpipeError, match=r"nothing is neither a config\.json"):
        read_config(tmp_path / "nothing")
    (tmp_path / "config.json").write_text('{"model_type": "no such model"}')
    with pytest.raises(MtpipeError, match="not a configuration that transformers knows"):
        read_config(tmp_path)


def test_a_policy_takes_the_predicted_bytes_on_disk(policy, policy_folder, params, tmp_path):
    save_policy(policy, tmp_path / "policy", tokenizer_from=policy_folder)
    write_state(Optimizer(policy.model, 1e-3, 0).tensors(), tmp_path / "policy" / "state.safetensors")
    found = sum(file.stat().st_size for file in (tmp_path / "policy").rglob("*.safetensors"))
    assert found == pytest.approx(costs.policy_bytes(params, model_size(policy.model.config)), rel=0.15)


def test_an_adapter_and_its_state_are_what_is_written_and_the_base_is_counted_once(
    policy, policy_folder, params, tmp_path, qwen
):
    lora = Lora(rank=8)
    save_policy(policy, tmp_path / "base", tokenizer_from=policy_folder)
    new_adapter(tmp_path / "base", tmp_path / "run" / "round0", lora, seed=0)
    adapted = load_policy(tmp_path / "run" / "round0")
    size = model_size(policy.model.config, lora)
    assert size.trained == sum(each.numel() for each in adapted.model.parameters() if each.requires_grad)
    save_policy(adapted, tmp_path / "run" / "round1", tokenizer_from=policy_folder)
    write_state(Optimizer(adapted.model, 1e-3, 0).tensors(), tmp_path / "run" / "round1" / "state.safetensors")
    found = sum(file.stat().st_size for file in (tmp_path / "run" / "round1").rglob("*.safetensors"))
    assert found == pytest.approx(costs.policy_bytes(params, size), rel=0.15)

    large, lengths = model_size(read_config(qwen), Lora(rank=32)), Lengths(0, 0)
    assert large.trained == 36_929_536
    policies = len(params.arms) * len(params.rounds)
    disk = costs.study_disk(params, large, lengths)
    assert disk == 2 * 4 * large.parameters + (2 * 12 * policies + 4 * len(params.arms)) * large.trained
    full = replace(large, adapter=None)
    saved = costs.update_memory(params, full) - costs.update_memory(params, large)
    assert saved == 12 * large.parameters - 16 * large.trained


def test_a_base_in_4_bits_takes_4_and_a_half_bits_a_linear_weight_in_sampling_and_update(params, qwen):
    lengths, config = Lengths(0, 0), read_config(qwen)
    plain, in_four_bits = (model_size(config, Lora(rank=32, base=base)) for base in (None, "nf4"))
    embedding = config.vocab_size * config.hidden_size
    assert 0.99 * (plain.parameters - embedding) < in_four_bits.in_four_bits < plain.parameters - embedding
    saved = (4 - 4.5 / 8) * in_four_bits.in_four_bits
    assert costs.update_memory(params, plain) - costs.update_memory(params, in_four_bits) == saved
    assert costs.sampling_memory(params, plain, lengths) - costs.sampling_memory(params, in_four_bits, lengths) == saved
    assert costs.study_disk(params, plain, lengths) == costs.study_disk(params, in_four_bits, lengths)


@pytest.mark.parametrize(
    ("hidden", "intermediate", "heads", "key_values", "layers"),
    [(64, 256, 4, 4, 3), (128, 512, 4, 2, 4), (96, 560, 6, 1, 2), (192, 512, 6, 2, 6)],
)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_activations_are_what_autograd_keeps(hidden, intermediate, heads, key_values, layers, checkpointing):
    config = Qwen2Config(
        vocab_size=50,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=key_values,
        tie_word_embeddings=True,
    )
    model = AutoModelForCausalLM.from_config(config)
    if checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.base_model(input_ids=torch.zeros(4, 128, dtype=torch.long), use_cache=False)
    found = sum(tensor.untyped_storage().nbytes() for tensor in kept.values()) / (4 * 128)
    predicted = costs.activation_bytes(model_size(config), checkpointing)
    one_layer = costs.activation_bytes(replace(model_size(config), layers=1)) - 4 * 3 * hidden
    assert predicted - one_layer * checkpointing == pytest.approx(found, rel=0.1)


@pytest.mark.parametrize("truncation", [NONE, Truncation(top_p=0.9), Truncation(min_p=0.05)])
def test_drawing_takes_no_more_than_the_predicted_bytes(truncation):
    """One row longer than what a CPU takes at a time, so that all is computed at once, as on a GPU."""
    logits = torch.randn(1, 3 << 20, generator=torch.Generator().manual_seed(0)).mul_(5)
    rules, start = RowTemperatures([ResolvedUniform(temperature=1.0)]), torch.zeros(1, dtype=torch.long)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        draw_tokens(logits, rules, start, None, torch.tensor([0.5], dtype=torch.float64), truncation, True)
    held = most = 0
    for event in sorted(record.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    assert 0.7 * costs.DRAW_BYTES * (truncation.top_p is not None) < 4 + most / logits.numel() < costs.DRAW_BYTES


def test_sampling_in_bfloat16_halves_weights_and_cache(params, qwen):
    size, lengths = model_size(read_config(qwen)), Lengths(100, 1000)
    sampling = params.sampling.model_copy(update={"torch_dtype": "bfloat16"})
    whole = costs.sampling_memory(params, size, lengths)
    drawing = 2048 * size.vocabulary * costs.DRAW_BYTES
    half = costs.sampling_memory(params.model_copy(update={"sampling": sampling}), size, lengths)
    assert half - drawing == (whole - drawing) / 2 > 2 * size.parameters


def test_disk_counts_every_policy_twice_and_storage_keep_leaves_one_or_its_weights(params, qwen):
    size, lengths = model_size(read_config(qwen)), Lengths(100, 1000)
    one = params.model_copy(update={"arms": ["uniform"], "seeds": [1]})
    weights, policy = 4 * size.parameters, 12 * size.parameters
    rollouts = 5 * 2048 * 1000 * 20
    assert costs.policy_bytes(params, size) == policy
    assert costs.study_disk(one, size, lengths) == 3 * weights + 2 * (5 * policy + rollouts)
    assert costs.study_disk(one, size, lengths, keep=1) == 2 * weights + 2 * (policy + rollouts)
    assert costs.study_disk(one, size, lengths, keep=0) == 2 * weights + 2 * (weights + rollouts)
    for keep in (0, 1):
        assert costs.running_disk(one, size, lengths, keep) == 2 * weights + 2 * (2 * policy + rollouts)
    two = one.model_copy(update={"seeds": [1, 2]})
    assert costs.running_disk(two, size, lengths, 0) == 4 * weights + 2 * (2 * policy + 2 * rollouts)


def test_processes_share_weights_and_state_and_eight_bits_shrink_the_state(params, qwen):
    size = model_size(read_config(qwen))

    def memory(**settings):
        update = params.update.model_copy(update={"tokens_per_micro_batch": 1, "optimizer": "adamw", **settings})
        return costs.update_memory(params.model_copy(update={"update": update}), size)

    assert memory() == pytest.approx(16 * size.parameters, rel=0.01)
    assert memory(processes=4) == pytest.approx(4 * size.parameters, rel=0.01)
    assert memory(optimizer="adamw_8bit") == pytest.approx(10 * size.parameters, rel=0.01)


def test_rates_come_from_finished_rounds_and_their_clocks(params, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert measured_throughput(params) == Throughput()
    for round, tokens in ((0, 1000), (1, 3000)):
        write_json(paths.round_metrics("uniform", 1, round), {"round": {"tokens": tokens, "responses": 100}})
        write_json(paths.CLOCK / f"rollout-uniform-1-{round}.json", {"started": 0.0, "seconds": 4.0})
    write_json(paths.CLOCK / "update-uniform-1-1.json", {"started": 0.0, "seconds": 6.0})
    found = measured_throughput(params)
    assert (found.sampling, found.update) == (500.0, 500.0)
    tokens = costs.sampled_tokens(params, Lengths(10, 36))
    assert tokens == 25 * 2048 * 36 + 11 * 3 * 500 * 4 * 36
    assert costs.sampling_hours(params, Lengths(10, 36), found) == pytest.approx(tokens / 500 / 3600)


def test_vllm_starts_once_a_chain_and_reads_each_policy(params, qwen):
    size = model_size(read_config(qwen))
    assert costs.engine_hours(params, size) == 0
    vllm = params.model_copy(update={"sampling": params.sampling.model_copy(update={"engine": "vllm"})})
    chains, samplings = 5, 25 + 11
    assert costs.engine_uses(vllm) == (chains, samplings)
    assert costs.load_seconds(size) == pytest.approx(0.6 + 1.54, abs=0.01)
    expected = chains * costs.START_SECONDS + samplings * costs.load_seconds(size)
    assert costs.engine_hours(vllm, size) == pytest.approx(expected / 3600)


def test_a_refilled_rounds_draws_are_those_of_finished_rounds_or_the_most_there_can_be(params, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert expected_draws(params)[0] == 1
    sampling = params.sampling.model_copy(update={"refill": Refill(until="prompts", at_most=3)})
    refilled = params.model_copy(update={"sampling": sampling})
    assert expected_draws(refilled)[0] == 3
    for round, times in ((0, 1), (1, 2)):
        found = {"tokens": 1, "responses": times * 2048}
        write_json(paths.round_metrics("uniform", 1, round), {"round": found})
    assert expected_draws(refilled) == (1.5, "sampling.prompts x sampling.group_size, drawn 1.50 times as measured")
    assert expected_draws(params)[0] == 1
    assert costs.round_tokens(refilled, Lengths(10, 36, 1.5)) == 1.5 * costs.round_tokens(params, Lengths(10, 36))


def test_the_command_prints_the_budget_of_a_config(qwen, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # elsewhere than ROOT, where rounds may have run
    command = ["mtpipe", "budget", "--config", str(qwen), "--sampling-rate", "5000"]
    monkeypatch.setattr("sys.argv", [*command, "--params", str(ROOT / "params.yaml")])
    main()
    printed = capsys.readouterr().out
    assert "1,543,714,304" in printed
    assert "18.5 GB" in printed
    assert "at 5,000 response tokens per second" in printed
    assert "give response tokens per second with --update-rate" in printed
