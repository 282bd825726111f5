"""How a resident engine's server treats its stages, with a fake engine in a thread."""

import fcntl
import os
import random
import threading
import time

import pytest
from talking import PLAN, REQUESTS, hello, raw, refuse

from mtpipe.errors import MtpipeError
from mtpipe.owner import OWNER, RESIDENT, SLOT, Process, engine_home, project_name
from mtpipe.sampling.resident.frames import Message, receive, send
from mtpipe.sampling.resident.reaching import give_back_device
from mtpipe.sampling.resident.terms import digest, terms_for
from stages import update

pytestmark = pytest.mark.slow


def test_a_stage_gets_what_the_engine_samples(stage, kept):
    engine = stage()
    sampled = list(engine.sample(REQUESTS, PLAN))
    assert kept.requests == REQUESTS
    assert kept.plan == PLAN
    assert sampled == list(type(kept)(kept.vocabulary).sample(REQUESTS, PLAN))
    engine.close()


def test_stages_with_one_policy_share_a_load_and_prefixes_are_forgotten_between_them(stage, kept, policy_folder):
    loaded = []
    for _ in range(3):
        engine = stage()
        loaded.append(engine.loaded)
        engine.close()
    assert loaded == [True, False, False]
    assert kept.calls[:3] == [f"open {policy_folder.name}", "rest", "rest"]


def test_a_policy_that_was_written_again_is_loaded_again(stage, kept, policy_folder):
    stage().close()
    os.utime(policy_folder / "config.json")
    engine = stage()
    assert engine.loaded
    assert kept.calls[-1] == f"load {policy_folder.name}"
    engine.close()


def test_an_engine_that_gave_its_weights_back_loads_again(stage, kept, policy_folder):
    kept.stays = False
    stage().close()
    engine = stage()
    assert engine.loaded
    assert kept.calls == [f"open {policy_folder.name}", "rest", f"load {policy_folder.name}"]


def test_who_leaves_in_the_middle_of_sampling_does_not_hold_the_next_one_up(stage):
    engine = stage()
    assert next(engine.sample(REQUESTS, PLAN)).problem_id == "p0"
    assert len(list(engine.sample(REQUESTS, PLAN))) == len(REQUESTS), "the same stage again"
    engine.close()
    assert len(list(stage().sample(REQUESTS, PLAN))) == len(REQUESTS)


def test_an_error_of_the_user_has_its_words_and_the_engine_goes_on(stage, kept, monkeypatch):
    engine = stage()
    with monkeypatch.context() as patched:
        patched.setattr(kept, "sample", refuse)
        with pytest.raises(MtpipeError, match=r"^the prompt is too long$"):
            list(engine.sample(REQUESTS, PLAN))
    assert len(list(engine.sample(REQUESTS, PLAN))) == len(REQUESTS)
    engine.close()


def test_another_error_ends_the_server_and_names_its_log(stage, server, kept, monkeypatch):
    def failing(*arguments):
        raise RuntimeError("the tokens differ")

    monkeypatch.setattr(kept, "sample", failing)
    with pytest.raises(MtpipeError, match=r"RuntimeError: the tokens differ\); data/engines/0\.log has more"):
        list(stage().sample(REQUESTS, PLAN))
    server.join(10)
    assert not server.is_alive()
    assert kept.calls[-1] == "close"


@pytest.mark.parametrize("changes", [{"owner": "1-2"}, {"project": "another"}, {"owner": None}])
def test_a_stage_of_another_owner_or_project_is_not_answered(stage, owned, changes):
    stage().close()
    with raw(owned) as connection:
        send(connection, hello(**changes))
        assert receive(connection, 5) is None
    assert len(list(stage().sample(REQUESTS, PLAN))) == len(REQUESTS)


def test_other_terms_end_the_server(stage, server, owned, kept):
    stage().close()
    with raw(owned) as connection:
        send(connection, hello(terms="others"))
        assert receive(connection, 5).kind == "other"
    server.join(10)
    assert not owned.exists()
    assert kept.calls[-1] == "close"


@pytest.mark.parametrize("after_hello", [False, True])
def test_hostile_bytes_end_their_connection_and_nothing_else(stage, owned, after_hello, params, policy_folder):
    stage().close()
    drawn = random.Random(1)
    good = hello(terms=digest(terms_for(policy_folder, params.sampling, params.compute)))
    for _ in range(40):
        with raw(owned) as connection:
            if after_hello:
                send(connection, good)
                assert receive(connection, 5).kind == "welcome"
            noise = drawn.randbytes(drawn.randint(1, 3000))
            connection.sendall(b"mtp1" + noise if drawn.random() < 0.5 else noise)
    for message in (Message("open", {"folder": 3}), Message("sample", {"plan": {}}), Message("close"), Message("")):
        with raw(owned) as connection:
            send(connection, good)
            assert receive(connection, 5).kind == "welcome"
            send(connection, message)
            assert receive(connection, 5) is None
    assert len(list(stage().sample(REQUESTS, PLAN))) == len(REQUESTS)


def test_an_update_has_the_engine_rest_before_it_reads_anything(stage, kept, params):
    stage().close()
    give_back_device()
    before = kept.calls.count("rest")
    with pytest.raises(MtpipeError, match=r"update\.json is missing"):
        update.main("uniform", 1, 0, compute=params.compute, sampling=params.sampling)
    assert kept.calls.count("rest") > before


def test_an_update_waits_for_the_sampling_of_a_stage_that_was_killed(stage, kept, monkeypatch):
    sample, sampling = kept.sample, threading.Event()

    def slowly(requests, plan):
        sampling.set()
        try:
            for rollout in sample(requests, plan):
                time.sleep(0.02)
                yield rollout
        finally:
            sampling.clear()

    monkeypatch.setattr(kept, "sample", slowly)
    engine = stage()
    next(engine.sample(REQUESTS, PLAN))
    engine.close()
    assert sampling.is_set()
    give_back_device()
    assert not sampling.is_set()
    assert kept.calls[-1] == "rest"
    assert len(kept.requests) == len(REQUESTS)


def test_what_a_killed_run_has_left_is_waited_for_and_cleared_away(owned, capsys):
    child = os.fork()
    if child == 0:
        os._exit(0)
    gone = Process.of(os.getpid())
    os.waitpid(child, 0)
    lock = owned.with_name(f"{project_name()}.{child}-{gone.started}.slot.0.lock")
    lock.write_text("77")
    with open(lock) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = threading.Thread(target=give_back_device)
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
    waiting.join(10)
    assert not waiting.is_alive()
    assert not lock.exists()
    assert "waiting for the sampling engine of a run that has ended, process 77" in capsys.readouterr().err


def test_the_lock_of_a_run_at_work_stays(owned):
    lock = owned.with_suffix(".lock")
    lock.write_text("")
    give_back_device()
    assert lock.exists()


def test_where_there_is_no_engine_an_update_goes_on(owned):
    give_back_device()


def test_the_socket_is_one_for_each_owner_project_slot_and_device(owned, tmp_path, monkeypatch):
    found = {owned}
    for name, value in ((SLOT, "1"), ("CUDA_VISIBLE_DEVICES", "3"), (OWNER, str(os.getppid()))):
        monkeypatch.setenv(name, value)
        found.add(engine_home().address(0))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    found.add(engine_home().address(0))
    assert len(found) == 5
    assert {address.parent.stat().st_mode & 0o777 for address in found} == {0o700}


def test_it_is_off_by_the_environment_without_an_owner_and_without_a_private_folder(owned, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setenv(RESIDENT, "0")
        assert engine_home() is None
    with monkeypatch.context() as patched:
        patched.delenv(OWNER)
        assert engine_home() is None
    owned.parent.chmod(0o755)
    assert engine_home() is None


def test_a_process_that_was_killed_is_gone_also_before_anybody_waits_for_it():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert Process.of(child) is None
    os.waitpid(child, 0)
    own = Process.of(os.getpid())
    assert own.is_alive()
    assert Process.read(str(own)) == own
    assert not Process(own.number, own.started + 1).is_alive(), "a later process with the same number"
