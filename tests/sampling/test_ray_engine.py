"""Two real Ray workers against one process."""

import importlib.util
import os
import socket
import sys
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from adapters import moved

from mtpipe.errors import MtpipeError
from mtpipe.params import Params
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.engine import Engine
from mtpipe.sampling.opening import open_engine
from mtpipe.sampling.ray_engine import RayEngine, Workers
from mtpipe.settings.sampling import Ray
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold

pytestmark = pytest.mark.slow

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is absent: pip install -e '.[ray]'")
RULES = [ResolvedEntropyThreshold(low=low, high=low + 0.6, threshold=2.2) for low in (0.8, 1.0)]
PLAN = SamplingPlan(0, "round 0", max_new_tokens=12, batch_size=4)
PROMPTS = ["2+9*3-4>", "1+2>", "3*3*3>", "7-5+1>", "8-1>", "4*4+4>"]


@pytest.fixture
def folder(policy, policy_folder, tmp_path) -> Path:
    from mtpipe.model.policy import save_policy

    save_policy(policy, tmp_path / "policy", tokenizer_from=policy_folder)
    return tmp_path / "policy"


def open_workers(folder: Path, params: Params, workers: int | None) -> AbstractContextManager[Engine]:
    compute = params.compute.model_copy(update={"device": "cpu", "threads": 1})
    return open_engine(folder, params.sampling, compute, Ray(workers=workers, address=None))


def sample_all(engine) -> list:
    ids = {prompt: engine.vocabulary.encode(prompt) for prompt in PROMPTS}
    requests = [
        Request(prompt, index, ids[prompt], rule.low, rule) for prompt in PROMPTS for index, rule in enumerate(RULES)
    ]
    return list(engine.sample(requests, PLAN))


@needs_ray
def test_two_workers_sample_from_an_adapter_what_one_process_does_in_its_order(params, adapter_folder, tmp_path):
    """And from all weights, among the exhaustive tests: tests/stages/test_refill_stage.py."""
    folder = tmp_path / "run" / "round1"
    moved(adapter_folder, folder)
    with open_workers(folder, params, None) as engine:
        expected = sample_all(engine)
    with open_workers(folder, params, 2) as engine:
        assert sample_all(engine) == expected


class Witness:
    """An engine that notes its process, and dies or fails as told the first time it samples."""

    def __init__(self, trouble: str, folder: Path):
        self.notes, self.trouble = folder.parent / "notes", trouble
        self.notes.mkdir(exist_ok=True)

    def sample(self, requests, plan):
        first = not (self.notes / "trouble").exists()
        (self.notes / f"pid{os.getpid()}").touch()
        if first and self.trouble:
            (self.notes / "trouble").touch()
            if self.trouble == "dies":
                os._exit(1)
            raise {"refuses": MtpipeError("bad input"), "breaks": ZeroDivisionError("a defect")}[self.trouble]
        from mtpipe.records import Rollout

        return [Rollout(each.problem_id, each.sample, each.base, each.prompt_ids) for each in requests]


@pytest.fixture(scope="module")
def cluster():
    """The address of a small Ray cluster of its own, for workers to join."""
    import ray
    from ray.cluster_utils import Cluster

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 4, "include_dashboard": False})
    yield started.address
    ray.shutdown()
    started.shutdown()


@needs_ray
@pytest.mark.parametrize(
    ("trouble", "message"),
    [("dies", ""), ("refuses", "bad input"), ("breaks", "(?s)workers failed: .*ZeroDivisionError: a defect")],
)
def test_a_dead_worker_is_replaced_and_an_error_is_readable(folder, cluster, trouble, message):
    engine = RayEngine(folder, partial(Witness, trouble), Workers(1 if message else 2, 1, 0, cluster))
    try:
        if message:
            with pytest.raises(MtpipeError, match=message):
                sample_all(engine)
            return
        found = [(response.problem_id, response.sample) for response in sample_all(engine)]
    finally:
        engine.close()
    ordered = sorted(PROMPTS, key=len)
    assert found == [(prompt, index) for prompt in ordered for index in (0, 1)]
    assert len(list((folder.parent / "notes").glob("pid*"))) >= 2


@needs_ray
def test_more_workers_than_the_cluster_has_room_for_are_refused(folder, cluster):
    with pytest.raises(MtpipeError, match=r"ray\.workers is 2, which needs 2 gpus; Ray has 0; lower ray\.workers"):
        RayEngine(folder, partial(Witness, ""), Workers(2, 1, 1, cluster))


@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:{closed}", "auto", "head", "head:none", "ray://127.0.0.1:{closed}"])
def test_an_address_without_a_cluster_is_refused_at_once(folder, monkeypatch, address):
    """For `auto` Ray reads this variable first; the cluster that it names is gone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{closed}")
    given = address.format(closed=closed)
    with pytest.raises(MtpipeError, match=f"ray.address is '{given}', where no cluster answers .*; give the host:port"):
        RayEngine(folder, partial(Witness, ""), Workers(2, 1, 0, given))


@needs_ray
def test_a_ray_that_does_not_start_is_not_blamed_on_the_address(folder, monkeypatch):
    def fails(**_):
        raise RuntimeError("no shared memory")

    monkeypatch.setattr("ray.init", fails)
    with pytest.raises(MtpipeError, match=r"ray.workers is 2, but Ray does not start here \(no shared memory\)"):
        RayEngine(folder, partial(Witness, ""), Workers(2, 1, 0, None))


def test_without_ray_the_error_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MtpipeError, match=r"ray\.workers is 2, but Ray is missing: pip install -e '\.\[ray\]'"):
        RayEngine(folder, partial(Witness, ""), Workers(2, 1, 0, None))
