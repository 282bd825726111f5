"""A killed update goes on from its last step, to the same weights bit by bit."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from builders import PYTHONPATH, ROOT
from safetensors.torch import load_file

from mtpipe.learn.state.learner import Learner
from mtpipe.learn.state.resume import ResumePoint, fingerprint

SCRIPT = f"""
import os, random, signal, sys
sys.path.append({str(ROOT / "tests")!r})
"""
SCRIPT += """
from dataclasses import replace
from pathlib import Path
from builders import rollout
from tqdm import tqdm
from mtpipe.learn.batching.steps import OptimizerStep, TrainingSample
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.state.optimizer import write_state
from mtpipe.settings.mismatch import TokenMask
from mtpipe.settings.update import EntropyBonus
from mtpipe.learn.update import update_policy
from mtpipe.learn.state.resume import ResumePoint
from mtpipe.params import load_params
from mtpipe.model.policy import load_policy, prepare_torch, save_policy

source, target, work_folder, kill_after = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
params = load_params()
prepare_torch(params.compute)
bonus = EntropyBonus(target=10.0, change=0.05, largest=0.12)
changes = {"logprob_tolerance": 1e9, "target": "untempered", "learning_rate": 1e-3, "warmup_steps": 2}
own = {"entropy_bonus": bonus, "mismatch": TokenMask(kind="token_mask")}
settings = params.update.model_copy(update={**changes, **own})
generator = random.Random(0)
def response():
    ids = [generator.randrange(2, 16) for _ in range(generator.randrange(2, 12))]
    return TrainingSample(rollout(ids, [3, 4, 5], 1.0), generator.choice([-1.0, 1.0]), 0.02)
steps = [OptimizerStep(1, [response() for _ in range(6)], {"reward": float(index)}) for index in range(4)]

class Killed(ResumePoint):
    def save(self, learner, metrics):
        super().save(learner, metrics)
        print("step", len(metrics), flush=True)
        if len(metrics) == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)

policy = load_policy(source)
learner = Learner.of(policy, settings)
work = Killed(work_folder, lambda: "inputs", source, seconds=0)
metrics = update_policy(learner, steps, tqdm(disable=True), work)
save_policy(policy, target, source)
write_state(learner.optimizer.tensors(), target / "optimizer.safetensors")
(target / "metrics").write_text(repr(metrics))
"""


def run(source: Path, target: Path, work: Path, kill_after: int = 0) -> tuple[int, list[str]]:
    """The script as a stage of a project, which the launcher forks where it can: loading torch takes long."""
    stages = target.parent / "stages"
    stages.mkdir(exist_ok=True)
    (stages / "update.py").write_text(SCRIPT)
    shutil.copy(ROOT / "params.yaml", target.parent)
    command = [sys.executable, "-m", "mtpipe.run.launch", "update", *map(str, (source, target, work, kill_after))]
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH}
    ended = subprocess.run(command, cwd=target.parent, capture_output=True, text=True, env=environment)
    return ended.returncode, ended.stdout.splitlines()


KILLED = (-9, 137)
"""By SIGKILL: the launcher itself, or the stage that it had forked."""


@pytest.mark.slow
def test_a_killed_update_ends_with_the_weights_of_an_undisturbed_one(policy_folder, tmp_path):
    whole, resumed, work = tmp_path / "whole", tmp_path / "resumed", tmp_path / "work"
    assert run(policy_folder, whole, tmp_path / "other")[0] == 0
    assert run(policy_folder, resumed, work, kill_after=2)[0] in KILLED
    assert not resumed.exists()
    status, steps = run(policy_folder, resumed, work)
    assert (status, steps) == (0, ["step 3", "step 4"]), "the first two steps are not taken again"
    for name in ("model.safetensors", "optimizer.safetensors"):
        ours, theirs = load_file(resumed / name), load_file(whole / name)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert (resumed / "metrics").read_text() == (whole / "metrics").read_text()


@pytest.fixture
def inputs(tmp_path) -> Path:
    folder = tmp_path / "inputs"
    folder.mkdir()
    (folder / "rollouts").write_text("one")
    return folder


def test_a_save_of_other_inputs_is_dropped(policy, settings, policy_folder, inputs, tmp_path):
    learner = Learner.of(policy, settings)
    work = ResumePoint(tmp_path / "work", lambda: fingerprint([inputs]), policy_folder, seconds=0)
    work.save(learner, [{"loss": 1.0}])
    assert work.resume(learner) == [{"loss": 1.0}]
    (inputs / "rollouts").write_text("two")
    assert work.resume(learner) == []
    assert not (tmp_path / "work").exists()


def test_a_short_update_saves_nothing_and_never_reads_its_inputs(policy, settings, policy_folder, tmp_path):
    learner = Learner.of(policy, settings)
    work = ResumePoint(tmp_path / "work", lambda: pytest.fail("the fingerprint was computed"), policy_folder)
    assert work.resume(learner) == []
    work.save(learner, [{}])
    assert not (tmp_path / "work").exists()


def test_the_fingerprint_covers_files_and_settings(inputs):
    first = fingerprint([inputs])
    assert fingerprint([inputs]) == first
    (inputs / "rollouts").write_text("two")
    assert fingerprint([inputs]) != first
