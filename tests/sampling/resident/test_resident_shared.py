"""A resident engine that several stages use at a time: each has its own responses, and none waits for another."""

import shutil
import threading

import pytest
from talking import PLAN, REQUESTS, hello, raw

from mtpipe.errors import MtpipeError
from mtpipe.sampling.resident.client import ResidentEngine
from mtpipe.sampling.resident.frames import receive, send
from mtpipe.sampling.resident.reaching import give_back_device

pytestmark = pytest.mark.slow


@pytest.fixture
def stages_at_once() -> int:
    return 2


@pytest.fixture
def other(server, home, params, policy_folder, tmp_path) -> ResidentEngine:
    """The engine of a stage that has another policy."""
    folder = shutil.copytree(policy_folder, tmp_path / "other")
    return ResidentEngine(folder, params.sampling, params.compute, home)


def test_a_stage_gets_its_responses_while_another_one_is_served_and_the_engine_rests_after_both(stage, other, kept):
    first = stage()
    begun = first.sample(REQUESTS * 20, PLAN)
    next(begun)
    expected = list(type(kept)(kept.vocabulary).sample(REQUESTS[:9], PLAN))
    assert list(other.sample(REQUESTS[:9], PLAN)) == expected
    assert len(list(begun)) == len(REQUESTS) * 20 - 1
    first.close()
    assert "rest" not in kept.calls
    other.close()
    give_back_device()
    assert kept.calls[-1] == "rest"


def test_each_stage_samples_from_its_own_policy_whoever_came_last(stage, other, kept, policy_folder):
    first = stage()
    for engine in (first, other, other, first):
        assert len(list(engine.sample(REQUESTS[:3], PLAN))) == 3
    assert kept.calls == [
        "open other", f"load {policy_folder.name}", "load other", f"load {policy_folder.name}",
    ]  # fmt: skip


def test_who_leaves_in_the_middle_takes_its_own_requests_along_alone(stage, other, kept):
    first = stage()
    begun = first.sample(REQUESTS, PLAN)
    next(begun)
    abandoned = other.sample(REQUESTS * 100, PLAN)
    next(abandoned)
    other.close()
    assert len(list(begun)) == len(REQUESTS) - 1
    first.close()
    give_back_device()
    assert len(kept.requests) == len(REQUESTS) * 101


def test_a_stage_waits_where_there_is_no_place(stage, other):
    first = stage()
    third = threading.Thread(target=lambda: stage().close())
    third.start()
    third.join(0.5)
    assert third.is_alive()
    first.close()
    third.join(10)
    assert not third.is_alive()


def test_other_terms_wait_for_the_stages_that_are_there(stage, server, owned):
    first = stage()
    with raw(owned) as connection:
        send(connection, hello(terms="others"))
        with pytest.raises(TimeoutError):
            receive(connection, 0.5)
        assert len(list(first.sample(REQUESTS, PLAN))) == len(REQUESTS)
        first.close()
        answer = receive(connection, 10)
    assert answer.kind == "other"
    server.join(10)
    assert not server.is_alive()


def test_an_engine_that_fails_ends_for_all(stage, server, other, kept, monkeypatch):
    first = stage()
    begun = first.sample(REQUESTS * 20, PLAN)
    next(begun)

    def failing(*arguments):
        raise RuntimeError("the tokens differ")

    monkeypatch.setattr(kept, "sample", failing)
    with pytest.raises(MtpipeError, match=r"failed and ended \(RuntimeError: the tokens differ\)"):
        list(other.sample(REQUESTS, PLAN))
    with pytest.raises(MtpipeError, match="has ended"):
        list(begun)
    server.join(10)
    assert not server.is_alive()
