"""Updates of an adapter: they are those of its low-rank parametrisation written by hand, whatever else is asked for."""

import copy
from pathlib import Path

import pytest
import torch
from adapters import needs_bitsandbytes
from torch import Tensor, nn
from torch.nn.utils import parametrize
from tqdm import tqdm
from updating import sampled_groups, update

from mtpipe.errors import MtpipeError
from mtpipe.learn.batching.steps import optimizer_steps
from mtpipe.learn.state.checkpoint import checkpoint
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.state.optimizer import Optimizer, write_state
from mtpipe.learn.state.resume import ResumePoint
from mtpipe.learn.update import update_policy
from mtpipe.model.adapter import adapter_parameters, target_layers
from mtpipe.model.adapter_policy import merged, new_adapter
from mtpipe.model.policy import Policy, load_policy, new_checkpoint, save_policy
from mtpipe.settings.model import NF4, Lora
from mtpipe.tasks.synthetic.arithmetic import VOCABULARY

pytestmark = pytest.mark.slow


@pytest.fixture(params=[None, pytest.param(NF4, marks=pytest.mark.slow)])
def lora(request) -> Lora:
    """Of a base as it is, and of one in 4 bits, for which all the same has to hold."""
    if request.param:
        needs_bitsandbytes()
    return Lora(rank=4, alpha=6.0, base=request.param)


@pytest.fixture
def settings(params):
    changes = {"learning_rate": 1e-2, "warmup_steps": 2, "prompts_per_step": 2, "logprob_tolerance": 1e-5}
    return params.update.model_copy(update=changes)


def adapter(policy: Policy) -> Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in adapter_parameters(policy.model).values()])


class LowRank(nn.Module):
    """W + (alpha / rank) B A, as a parametrisation of W."""

    def __init__(self, a: Tensor, b: Tensor, scale: float):
        super().__init__()
        self.scale = scale
        self.a, self.b = nn.Parameter(a.clone()), nn.Parameter(b.clone())

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.scale * self.b @ self.a


def by_hand(lora: Lora, adapter_folder: Path) -> Policy:
    """The base with the low-rank parametrisation, from the same A and B as those of a new adapter.

    Merged, such an adapter leaves the base: its weights, or those that its codes of 4 bits stand for.
    """
    policy, start = merged(load_policy(adapter_folder)), adapter_parameters(load_policy(adapter_folder).model)
    policy.model.requires_grad_(False)
    for name, layer in target_layers(policy.model, lora).items():
        a, b = (start[f"{name}.lora_{which}.default.weight"] for which in "AB")
        parametrize.register_parametrization(layer, "weight", LowRank(a.detach(), b.detach(), lora.alpha / lora.rank))
    return policy


@pytest.mark.parametrize("settings_of_loss", [{}, {"target": "untempered", "loss": "grpo", "share_prompts": True}])
def test_an_adapter_learns_what_the_parametrisation_by_hand_learns(lora, adapter_folder, settings, settings_of_loss):
    settings = settings.model_copy(update={"learning_rate": 2e-3, **settings_of_loss})
    policy = load_policy(adapter_folder)
    peer, before = by_hand(lora, adapter_folder), adapter(policy)
    groups = sampled_groups(policy)
    metrics, expected = (update(one, groups, settings) for one in (policy, peer))
    assert metrics[0]["mismatch"][0]["mean"] < 1e-6, "the engine samples from the adapter that the update trains"
    assert [step["grad_norm"] for step in metrics] == pytest.approx([step["grad_norm"] for step in expected], rel=1e-4)
    for name, layer in target_layers(peer.model, lora).items():
        low_rank = layer.parametrizations.weight[0]
        for which, found in (("A", low_rank.a), ("B", low_rank.b)):
            ours = policy.model.get_parameter(f"{name}.lora_{which}.default.weight")
            torch.testing.assert_close(ours, found, atol=1e-5, rtol=0)
    assert (adapter(policy) - before).abs().max() > 2e-3
    untouched = dict(load_policy(adapter_folder).model.named_parameters())
    for name, parameter in policy.model.named_parameters():
        if not parameter.requires_grad:
            assert torch.equal(parameter, untouched[name])


def test_rollouts_of_the_base_are_refused_once_the_adapter_has_learned(base, adapter_folder, settings):
    policy = load_policy(adapter_folder)
    groups = sampled_groups(policy)
    update(policy, groups, settings)
    with pytest.raises(MtpipeError, match="do not fit the policy"):
        update(policy, groups, settings)


def test_the_kl_is_towards_the_base_without_a_second_model(base, adapter_folder, settings, tmp_path):
    """After one update, so that adapter and base differ."""
    policy = load_policy(adapter_folder)
    update(policy, sampled_groups(policy), settings)
    save_policy(policy, tmp_path / "run" / "round1", tokenizer_from=adapter_folder)
    settings = settings.model_copy(update={"kl_coefficient": 0.3})
    groups = sampled_groups(policy)
    learner = Learner.load(tmp_path / "run" / "round1", settings, torch.device("cpu"), base)
    assert learner.reference is None
    with_model = load_policy(tmp_path / "run" / "round1")
    found = update(learner.policy, groups, settings, learner)
    expected = update(with_model, groups, settings, reference=merged(load_policy(adapter_folder)))
    assert found[0]["kl_reference"] > 0.01
    for one, other in zip(found, expected, strict=True):
        assert one["kl_reference"] == pytest.approx(other["kl_reference"], rel=1e-4)
    torch.testing.assert_close(adapter(learner.policy), adapter(with_model), atol=1e-5, rtol=0)
    elsewhere = tmp_path / "elsewhere"
    save_policy(load_policy(base), elsewhere, tokenizer_from=base)
    assert Learner.load(adapter_folder, settings, torch.device("cpu"), elsewhere).reference is not None


@pytest.mark.parametrize(
    ("changes", "tolerance"),
    [({"gradient_checkpointing": True}, 1e-5), ({"precision": "bfloat16", "logprob_tolerance": 0.1}, None)],
)
def test_checkpointing_changes_nothing_and_bfloat16_little(adapter_folder, settings, changes, tolerance):
    plain, other = load_policy(adapter_folder), load_policy(adapter_folder)
    start, groups = adapter(plain), sampled_groups(plain)
    expected = update(plain, groups, settings)
    found = update(other, groups, settings.model_copy(update=changes))
    if tolerance:
        torch.testing.assert_close(adapter(other), adapter(plain), atol=tolerance, rtol=0)
    else:
        assert found[0]["grad_norm"] == pytest.approx(expected[0]["grad_norm"], rel=0.05)
        assert not torch.equal(adapter(other), adapter(plain))
        one, two = adapter(other) - start, adapter(plain) - start
        assert torch.cosine_similarity(one, two, dim=0) > 0.9


def test_an_update_goes_on_within_a_round_and_from_round_to_round(base, adapter_folder, settings, tmp_path):
    groups = sampled_groups(load_policy(adapter_folder))
    steps = optimizer_steps(groups, settings, max_response=16)

    def learner(policy: Path, state: Path | None = None) -> Learner:
        return Learner.load(policy, settings, torch.device("cpu"), base, state=state)

    whole, stopped, resumed = (learner(adapter_folder) for _ in range(3))
    place = ResumePoint(tmp_path / "data" / "resume", lambda: "inputs", adapter_folder, seconds=0)
    expected = update_policy(whole, steps, tqdm(disable=True))
    update_policy(stopped, steps[:2], tqdm(disable=True), place)
    assert not list((tmp_path / "data" / "resume").glob("model*")), "the base is not written again"
    found = update_policy(resumed, steps, tqdm(disable=True), place)
    assert found == expected
    assert torch.equal(adapter(resumed.policy), adapter(whole.policy))

    checkpoint(whole).write(tmp_path / "run" / "round1", tokenizer_from=adapter_folder)
    checkpoint(whole).write_state(tmp_path / "state")
    again = learner(tmp_path / "run" / "round1", tmp_path / "state")
    assert again.optimizer.step_count == len(steps)
    groups = sampled_groups(again.policy)
    twin = copy.deepcopy(whole.policy)
    update(again.policy, groups, settings, again)
    update(whole.policy, groups, settings, whole)
    assert torch.equal(adapter(again.policy), adapter(whole.policy))
    assert not torch.equal(adapter(again.policy), adapter(twin))


def test_the_8_bit_optimizer_steps_and_its_state_returns(base, adapter_folder, settings, tmp_path):
    pytest.importorskip("torchao")
    settings = settings.model_copy(update={"optimizer": "adamw_8bit"})
    learner = Learner.load(adapter_folder, settings, torch.device("cpu"), base)
    update(learner.policy, sampled_groups(learner.policy), settings, learner)
    checkpoint(learner).write(tmp_path / "run" / "round1", tokenizer_from=adapter_folder)
    checkpoint(learner).write_state(tmp_path / "state")
    again = Learner.load(tmp_path / "run" / "round1", settings, torch.device("cpu"), base, state=tmp_path / "state")
    for name, tensor in learner.optimizer.tensors().items():
        assert torch.equal(again.optimizer.tensors()[name], tensor)


def folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_ten_rounds_take_less_than_a_tenth_of_full_fine_tunings_disk(params, tmp_path):
    """Of a model whose weights dominate: 4.2 million, and an adapter of rank 4; base, and ten policies with state."""
    sizes = params.model.model_copy(update={"hidden_size": 256, "layers": 4, "heads": 4})
    new_checkpoint(tmp_path / "base", sizes, VOCABULARY, max_positions=128)
    new_adapter(tmp_path / "base", tmp_path / "run" / "round0", Lora(rank=4), seed=0)
    sizes_of_one = {}
    for kind, source in (("full", tmp_path / "base"), ("adapter", tmp_path / "run" / "round0")):
        policy = load_policy(source)
        save_policy(policy, tmp_path / kind, tokenizer_from=source)
        write_state(Optimizer(policy.model, 1e-3, 0).tensors(), tmp_path / kind / "state")
        sizes_of_one[kind] = folder_bytes(tmp_path / kind)
    base = folder_bytes(tmp_path / "base")
    assert base + 10 * sizes_of_one["adapter"] < 0.1 * (base + 10 * sizes_of_one["full"])
