"""The optimizer's state on disk, in float32 and in 8 bits."""

import copy
import importlib.util
import sys

import pytest
import torch
from safetensors.torch import load_file

from mtpipe.errors import MtpipeError
from mtpipe.learn.state.optimizer import Optimizer, write_state

pytestmark = pytest.mark.slow

needs_torchao = pytest.mark.skipif(
    importlib.util.find_spec("torchao") is None, reason="torchao is absent: pip install -e '.[eightbit]'"
)
KINDS = ["adamw", pytest.param("adamw_8bit", marks=needs_torchao)]


def take_steps(policy, optimizer: Optimizer, steps: range) -> None:
    for step in steps:
        ids = torch.randint(2, 18, (4, 12), generator=torch.Generator().manual_seed(step))
        policy.model(input_ids=ids, labels=ids).loss.backward()
        optimizer.clip()
        optimizer.step()


def weights(policy) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in policy.model.parameters()])


def new_optimizer(policy, kind: str) -> Optimizer:
    return Optimizer(policy.model, learning_rate=1e-3, warmup_steps=3, weight_decay=0.1, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_state_goes_on_exactly(policy, kind, tmp_path):
    whole, halves = policy, copy.deepcopy(policy)
    take_steps(whole, new_optimizer(whole, kind), range(6))
    first = new_optimizer(halves, kind)
    take_steps(halves, first, range(3))
    write_state(first.tensors(), tmp_path / "state")
    second = new_optimizer(halves, kind)
    second.load(tmp_path / "state")
    take_steps(halves, second, range(3, 6))
    assert second.step_count == 6
    assert torch.equal(weights(halves), weights(whole))


@needs_torchao
def test_eight_bits_learn_as_float32_does_and_take_a_quarter_of_its_disk(policy, tmp_path):
    sizes, results = {}, {}
    for kind in ("adamw", "adamw_8bit"):
        trained = copy.deepcopy(policy)
        optimizer = new_optimizer(trained, kind)
        take_steps(trained, optimizer, range(10))
        write_state(optimizer.tensors(), tmp_path / kind)
        saved = load_file(tmp_path / kind)
        sizes[kind] = {name: tensor.nbytes for name, tensor in saved.items() if "mlp" in name}
        results[kind] = weights(trained)
    assert sum(sizes["adamw_8bit"].values()) < 0.26 * sum(sizes["adamw"].values())
    moved = (results["adamw"] - weights(policy)).norm()
    assert 0 < (results["adamw_8bit"] - results["adamw"]).norm() < 0.2 * moved


@needs_torchao
@pytest.mark.parametrize(("before", "after"), [("adamw", "adamw_8bit"), ("adamw_8bit", "adamw")])
def test_the_setting_can_change_between_rounds(policy, before, after, tmp_path):
    first = new_optimizer(policy, before)
    take_steps(policy, first, range(3))
    write_state(first.tensors(), tmp_path / "state")
    changed = copy.deepcopy(policy)
    take_steps(policy, first, range(3, 5))
    second = new_optimizer(changed, after)
    second.load(tmp_path / "state")
    start = weights(changed)
    take_steps(changed, second, range(3, 5))
    assert (weights(changed) - weights(policy)).norm() < 0.2 * (weights(policy) - start).norm()


def test_without_torchao_the_error_says_what_to_install(policy, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchao.optim", None)
    with pytest.raises(MtpipeError, match=r"needs torchao .*pip install -e '\.\[eightbit\]'"):
        new_optimizer(policy, "adamw_8bit")
