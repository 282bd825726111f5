"""The update stage on several real processes (gloo, CPU) against one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import builders
import forked_ranks
import pytest
import torch
from builders import PYTHONPATH, ROOT, judged, run_stage
from safetensors.torch import load_file, save_file

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import write_json, write_text
from mtpipe.learn.distributed import processes
from mtpipe.model.adapter_policy import new_adapter
from mtpipe.model.policy import load_policy, save_policy
from mtpipe.params import load_params
from mtpipe.records import VERDICTS, read_rollouts, read_rows, write_rollouts, write_rows
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.torch_engine import sample
from mtpipe.settings.model import Lora
from mtpipe.temperature.planning import plan_round
from stages import update

pytestmark = pytest.mark.slow

PROMPTS = ["2+9*3-4>", "1+2>", "3*3*3>", "7-5+1>", "8-1>", "4*4+4>", "9-2*3>"]
GROUP_SIZE = 4
TOKEN_CONTROLS = {"top_entropy": 0.6, "entropy_bonus": {"target": 9.0, "change": 0.01, "largest": 0.1}}


def write_params(processes: int, **settings) -> None:
    update = {
        "prompts_per_step": 2,
        "tokens_per_micro_batch": 60,
        "learning_rate": 3e-4,
        "warmup_steps": 2,
        "logprob_tolerance": 1e9,
        "processes": processes,
        **settings,
    }
    sampling = {"group_size": GROUP_SIZE, "prompts": len(PROMPTS), "max_new_tokens": 16}
    offsets = {"offsets": [0.0, 0.0, -0.2, 0.2]}
    builders.write_params({"sampling": sampling, "temperature.spread.spread": offsets, "update": update})
    write_json(paths.arm_update("spread"), load_params().update.model_dump(mode="json"))


def sample_round(arm: str, round: int) -> None:
    """The round's real rollouts, with a reward for an even number of tokens."""
    params = load_params()
    policy = load_policy(paths.policy(arm, 1, round))
    plan = plan_round(arm, params.temperature[arm], round, GROUP_SIZE)
    requests = [
        Request(prompt, index, policy.encode(prompt), response.base, response.rule)
        for prompt in PROMPTS
        for index, response in enumerate(plan.responses())
    ]
    sampling = SamplingPlan(1, f"round {round}", max_new_tokens=16, batch_size=100)
    rollouts = list(sample(policy, requests, sampling))
    write_rollouts(paths.rollouts(arm, 1, round), rollouts)
    write_rows(paths.verdicts(arm, 1, round), judged(rollouts), VERDICTS)
    write_text(paths.round_plan(arm, round), plan.model_dump_json())


@pytest.fixture
def project(policy, policy_folder, tmp_path, monkeypatch) -> Path:
    """A folder with two sampled rounds of one arm, of which the first waits for its update; the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    write_params(1)
    for folder in (paths.WARM_START / "policy", paths.policy("spread", 1, 0)):
        save_policy(policy, folder, tokenizer_from=policy_folder)
    paths.optimizer("spread", 1, 0).parent.mkdir(parents=True)
    save_file({}, paths.optimizer("spread", 1, 0))
    sample_round("spread", 0)
    return tmp_path


def record_otherwise() -> None:
    """The first round as an engine records it that gives every seventh token half its probability, and one far more."""
    rollouts = read_rollouts(paths.rollouts("spread", 1, 0))
    for rollout in rollouts:
        rollout.behaviour_logprobs[::7] = [value - 0.69 for value in rollout.behaviour_logprobs[::7]]
    longest = max(rollouts, key=len)
    longest.behaviour_logprobs[1] += 2.0
    write_rollouts(paths.rollouts("spread", 1, 0), rollouts)


def results(rounds: int) -> tuple[list[dict], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Metrics of all steps, the last policy's weights, and its optimizer's state."""
    steps = [
        step for round in range(rounds) for step in json.loads(paths.steps("spread", 1, round).read_text())["steps"]
    ]
    last = paths.policy("spread", 1, rounds)
    return steps, load_file(last / "model.safetensors"), load_file(paths.optimizer("spread", 1, rounds))


def assert_learned_the_same(found, expected) -> None:
    """Two results, up to the rounding of sums in another order."""
    (steps, weights, state), (steps_shared, weights_shared, state_shared) = expected, found
    for one, shared in zip(steps, steps_shared, strict=True):
        assert shared == pytest.approx(one, rel=1e-4, abs=1e-5)
        assert shared.get("loss", 0.0) == pytest.approx(one.get("loss", 0.0), abs=1e-5)
    assert weights_shared.keys() == weights.keys()
    for name, tensor in weights.items():
        torch.testing.assert_close(weights_shared[name], tensor, atol=1e-5, rtol=0.0)
    assert state_shared.keys() == state.keys()
    assert state_shared["step"] == state["step"]
    for name, tensor in state.items():
        torch.testing.assert_close(state_shared[name], tensor, atol=1e-3 * tensor.abs().max().item(), rtol=0)
    start = load_file(paths.policy("spread", 1, 0) / "model.safetensors")
    assert max((weights[name] - start[name]).abs().max() for name in weights) > 3e-4, "the weights moved at all"


@pytest.fixture
def forked(monkeypatch) -> None:
    """Ranks that start soon; those of the other tests are started as a user's are."""
    monkeypatch.setattr(processes, "elastic_launch", forked_ranks.launch)


def test_three_processes_learn_what_one_does_and_go_on_from_its_state(project, forked, capfd):
    """Three does not divide the batches. A process has whole groups, since they share prompts, and one has none.

    That two processes write the state that one writes is the next test's.
    """
    settings = {"target": "untempered", "share_prompts": True}
    write_params(1, **settings)
    for round in range(2):
        run_stage(update, "spread", 1, round)
        sample_round("spread", round + 1)
    expected = results(2)
    assert len(expected[0]) == 4 * 2
    shutil.rmtree(paths.policy("spread", 1, 2))

    write_params(3, **settings)
    run_stage(update, "spread", 1, 1)
    assert "Traceback" not in capfd.readouterr().err
    assert_learned_the_same(results(2), expected)


EVERYTHING = {
    "loss": "grpo",
    "gradient_checkpointing": True,
    "mismatch": {"kind": "token_mask", "low": 0.8, "high": 1.2, "veto": 0.5},
    **TOKEN_CONTROLS,
}


KILLED = """
import os, signal
from pathlib import Path
from mtpipe.learn.state.resume import ResumePoint

save = ResumePoint.save

def save_and_die(self, learner, metrics):
    self._seconds, ranks = 0, learner.ranks
    save(self, learner, metrics)
    if ranks.first:
        with open("taken", "a") as taken:
            taken.write(f"{len(metrics)} ")
    if len(metrics) == 2 and not ranks.first and Path("kill").exists():
        Path("kill").unlink()
        os.kill(os.getpid(), signal.SIGKILL)

ResumePoint.save = save_and_die
"""


def test_two_processes_learn_what_one_does_also_when_killed_and_one_of_another_number_starts_anew(project, forked):
    """The stage's copy that the processes run saves every step, and one of them dies after the second."""
    record_otherwise()
    stage = project / "stages" / "update.py"
    stage.write_text(KILLED + stage.read_text())

    def run(processes: int, kill: bool = False):
        write_params(processes, **EVERYTHING)
        (project / "taken").unlink(missing_ok=True)
        if kill:
            (project / "kill").touch()
            with pytest.raises(MtpipeError, match=r"^process 1 of the update was killed \(SIGKILL\)"):
                run_stage(update, "spread", 1, 0)
            assert command_line(os.getpid()) not in map(command_line, children(os.getpid())), "a rank is left"
            assert paths.resume_point("spread", 1, 0).is_dir()
            return None
        run_stage(update, "spread", 1, 0)
        found = results(1)
        shutil.rmtree(paths.policy("spread", 1, 1))
        assert not paths.resume_point("spread", 1, 0).exists()
        return found

    def same(ours, theirs) -> bool:
        return ours[0] == theirs[0] and all(
            torch.equal(ours[part][name], theirs[part][name]) for part in (1, 2) for name in theirs[part]
        )

    alone = run(1)
    assert all(0 < step["mismatch_cut"] < 1 for step in alone[0] if "loss" in step)
    run(2, kill=True)
    kept = shutil.copytree(paths.resume_point("spread", 1, 0), project / "kept")
    resumed = run(2)
    assert (project / "taken").read_text().split() == ["3", "4"], "the first two steps are not taken again"
    assert_learned_the_same(resumed, alone)
    shutil.copytree(kept, paths.resume_point("spread", 1, 0))
    assert same(run(1), alone)


def test_an_error_in_one_process_ends_all_with_its_message_alone(project, capfd):
    rollouts = read_rollouts(paths.rollouts("spread", 1, 0))
    rewards: dict[str, set[float]] = {}
    for verdict in read_rows(paths.verdicts("spread", 1, 0), VERDICTS):
        rewards.setdefault(verdict["problem_id"], set()).add(verdict["reward"])
    longest = max((rollout for rollout in rollouts if len(rewards[rollout.problem_id]) > 1), key=len)
    longest.behaviour_logprobs = [-50.0] * len(longest.behaviour_logprobs)
    write_rollouts(paths.rollouts("spread", 1, 0), rollouts)
    write_params(2, logprob_tolerance=1e-3, prompts_per_step=len(PROMPTS))
    with pytest.raises(MtpipeError, match=r"^the rollouts' log-probs do not fit the policy: they differ by "):
        run_stage(update, "spread", 1, 0)
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert "log-probs" not in said, "the stage alone says what went wrong"
    assert not paths.policy("spread", 1, 1).exists()
    assert not list(paths.LOCKS.glob("*.failure"))


def test_several_processes_train_an_adapter_as_one_does_and_pull_it_towards_its_base(project):
    """The reference is the base, which the processes share: the adapter is off for as long as they score it."""
    first = paths.policy("spread", 1, 0)
    shutil.rmtree(first)
    new_adapter(paths.WARM_START / "policy", first, Lora(rank=4), seed=0)
    with_adapter: dict[int, tuple[list[dict], dict[str, torch.Tensor]]] = {}
    for count in (1, 2):
        write_params(count, kl_coefficient=0.2, learning_rate=3e-3, gradient_checkpointing=True)
        run_stage(update, "spread", 1, 0)
        assert not list(paths.policy("spread", 1, 1).glob("model*"))
        steps = json.loads(paths.steps("spread", 1, 0).read_text())["steps"]
        with_adapter[count] = steps, load_file(paths.policy("spread", 1, 1) / "adapter_model.safetensors")
    (alone, weights), (shared, weights_shared) = with_adapter[1], with_adapter[2]
    for one, other in zip(alone, shared, strict=True):
        assert other == pytest.approx(one, rel=1e-3, abs=1e-5)
    assert max(step.get("kl_reference", 0.0) for step in alone) > 1e-4
    for name, expected in weights.items():
        torch.testing.assert_close(weights_shared[name], expected, atol=1e-5, rtol=0)


def test_a_round_whose_groups_are_all_flat_says_so_and_leaves_the_weights(project, capfd):
    verdicts = read_rows(paths.verdicts("spread", 1, 0), VERDICTS)
    write_rows(paths.verdicts("spread", 1, 0), [{**row, "reward": 1.0} for row in verdicts], VERDICTS)
    run_stage(update, "spread", 1, 0)
    assert "in none of the 7 groups do rewards differ, so there was nothing to learn" in capfd.readouterr().err
    steps, weights, state = results(1)
    assert [step["groups_dropped"] for step in steps] == [2, 2, 2, 1]
    before = load_file(paths.policy("spread", 1, 0) / "model.safetensors")
    assert all(torch.equal(weights[name], before[name]) for name in before)
    assert state["step"] == 0


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_processes_end_with_a_killed_stage(project):
    write_params(2)
    builders.write_plans()
    command = [sys.executable, "-m", "stages.update", "--arm", "spread", "--seed", "1", "--round", "0"]
    running = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": PYTHONPATH}, start_new_session=True)
    deadline = time.monotonic() + 120
    while len(found := children(running.pid)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    while any(Path(f"/proc/{pid}").exists() and "stages.update" in command_line(pid) for pid in found):
        assert time.monotonic() < deadline, "a process of the update outlived its stage"
        time.sleep(0.1)


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return ""
