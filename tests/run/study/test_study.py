"""`python -m mtpipe run` against `dvc repro`: the same dvc.lock, and nothing that runs twice."""

import os
import re
import signal
import sys

import pytest
from ruamel.yaml import YAML
from study_projects import ARMS, CLOSING, SHARED, chain, commands_at_work, kill, start, wait_for

from benchmarks.trivial_study import write_params
from mtpipe.alone import alone
from mtpipe.run.study.settled import UP_TO_DATE
from mtpipe.run.study.study import Outcome
from mtpipe.run.study.table import table

pytestmark = pytest.mark.pipeline


def entries(project) -> dict:
    return YAML(typ="safe").load(project.lock)["stages"]


def test_the_lock_is_that_of_dvc_repro_to_the_letter(by_run, by_dvc):
    assert by_run.lock == by_dvc.lock


def test_lines_say_how_much_of_the_whole_study_is_done(by_run):
    told = re.findall(r"(\d+) of (\d+) in all", (by_run.folder / "data" / "run.log").read_text())
    done, stages = [int(done) for done, _ in told], len(entries(by_run))
    assert {int(of) for _, of in told} == {stages}
    assert done == sorted(done)
    assert done[-1] == stages


def test_afterwards_nothing_is_left_to_do_for_either_command(finished):
    before = (finished.folder / "dvc.lock").stat().st_mtime_ns
    assert finished.status() == "Data and pipelines are up to date."
    assert finished.repro() == set()
    assert finished.run() == set()
    assert (finished.folder / "dvc.lock").stat().st_mtime_ns == before


def test_after_dvc_repro_there_is_nothing_left_to_do(by_dvc, tmp_path):
    assert by_dvc.copy(tmp_path / "copy").run() == set()


def test_an_edit_of_one_arm_runs_that_arm_by_either_command(finished, tmp_path):
    other = finished.copy(tmp_path / "other")
    for project in (finished, other):
        write_params(project.folder, ARMS, [1], 1, arm1=1.2)
    expected = {"plan", *chain("arm1"), *CLOSING} - {"start@arm1-1"}
    assert finished.run() == expected
    assert other.repro() == expected
    assert finished.lock == other.lock
    write_params(finished.folder, ARMS, [1], 1)
    assert finished.run() <= {"track"}, "all else comes from the run cache, and track's output is not cached"


def test_a_chain_folder_left_from_other_settings_counts_for_nothing_that_an_edit_changed(new):
    assert new.try_to_run("--chain", "shared", jobs=None).returncode == 0
    assert new.try_to_run("--chain", "arm1-1", jobs=None).returncode == 0
    kept = (new.folder / "data" / "chains" / "arm1-1" / "lock.jsonl").read_text().splitlines()
    assert len(kept) == len(chain("arm1"))
    write_params(new.folder, ARMS, [1], 1, arm1=1.2)
    assert new.run() & chain("arm1") == chain("arm1") - {"start@arm1-1"}
    assert new.repro() == set()


def test_a_new_arm_and_a_new_seed_run_alone(finished):
    write_params(finished.folder, ["arm0", "arm2"], [1, 2], 1)
    assert finished.run() == {"plan", *chain("arm2"), *chain("arm0", seed=2), *chain("arm2", seed=2), *CLOSING}
    assert finished.repro() == set()


def test_chosen_chains_leave_the_others_for_later_and_one_job_or_more_than_chains_make_the_same_lock(new, by_dvc):
    ended = new.try_to_run("--arms", "arm1", jobs="1")
    assert ended.returncode == 0
    assert "waits for arm0-1" in ended.stdout
    assert new.ran() == SHARED | chain("arm1")
    assert new.run("--seeds", "1", jobs="4") == chain("arm0") | CLOSING
    assert new.lock == by_dvc.lock


def outside_dvc(project) -> list:
    """The project's files, but for those of .dvc, and logs, which these tests remove."""
    return sorted(path for path in project.folder.rglob("*") if not {".dvc", "__pycache__", "log"} & set(path.parts))


def test_a_dry_run_says_what_would_run_and_writes_nothing(new, by_run):
    for project, done in ((new, False), (by_run, True)):
        before = outside_dvc(project)
        said = project.try_to_run("--dry-run").stdout
        rows = {line.split()[0]: line for line in said[said.index("Stages") :].splitlines() if "up to date" in line}
        assert {"shared", "arm0-1", "arm1-1", "beside", "closing"} == rows.keys()
        for row in rows.values():
            found, _, of = row.split()[1:4]
            assert (found == of) if done else (found == "0")
        assert "arms:" in said
        assert outside_dvc(project) == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--arms", "arm0", "arm7"], ["--arms", "arm7", "arm0, arm1"]),
        (["--seeds", "3"], ["--seeds", "3", "has 1"]),
        (["--jobs", "0"], ["--jobs", "0"]),
        (["--devices", "0"], ["--devices", "0", "compute.device: cpu"]),
        (["--devices", ""], ["--devices", "empty"]),
    ],
)
def test_bad_arguments_are_named(new, flags, words):
    ended = new.try_to_run(*flags)
    assert ended.returncode
    assert all(word in ended.stderr for word in words)
    assert not (new.folder / "dvc.lock").exists()


def test_what_the_file_system_refuses_is_said_without_a_traceback(new):
    ended = new.try_to_run("--chain", "x" * 300, jobs=None)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: data/locks/run-xxx")
    assert "File name too long" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_chain_that_fails_stops_itself_and_the_rest_is_taken_up(new, by_dvc):
    ended = new.try_to_run(FAILING='["data/runs/arm0/seed1/round0/verdicts.parquet data/samples"]')
    assert ended.returncode == 1
    assert "arm0-1" in ended.stdout
    assert "verify@arm0-1-round0: error in stage data/runs/arm0/seed1/round0/verdicts.parquet" in ended.stdout
    assert "mtpipe run --jobs 2" in ended.stdout
    assert new.ran() == SHARED | chain("arm1") | {"start@arm0-1", "rollout@arm0-1-round0", "verify@arm0-1-round0"}
    assert "update@arm1-1-round0" in entries(new), "what has ended stands in dvc.lock"
    assert new.run() == chain("arm0") - {"start@arm0-1", "rollout@arm0-1-round0"} | CLOSING
    assert new.lock == by_dvc.lock


def test_a_shared_stage_that_fails_stops_all(new):
    ended = new.try_to_run(FAILING='["data/warm_start/policy data/warm_start/curve.json"]')
    assert ended.returncode == 1
    assert "warm_start: error in stage data/warm_start/policy" in ended.stdout
    assert new.ran() == {"plan", "prepare", "warm_start"}


def test_a_run_killed_at_several_moments_ends_with_the_same_lock_and_dvc_repro_restores_what_it_made(
    new, by_dvc, tmp_path
):
    for stage in ("prepare", "rollout@arm0-1-round0", "update@arm1-1-round0", "evaluate@arm0-1-1"):
        started = start(new, SECONDS="0.3")
        wait_for(new, stage, started)
        kill(new, started)
    other = new.copy(tmp_path / "other")
    new.run()
    assert new.lock == by_dvc.lock
    assert new.status() == "Data and pipelines are up to date."
    assert "rollout@arm0-1-round0" not in other.repro()
    assert entries(other) == entries(by_dvc), "DVC writes new entries at the end, so their order is another"
    assert other.run() == set(), "the entries that the killed run left are those of dvc.lock"


def test_what_dvc_leaves_where_it_is_killed_stops_no_later_run(finished, by_dvc):
    """It makes the folder of an entry in its run cache before the entry, and writes its claims in place."""
    (finished.folder / "dvc.lock").unlink()
    for entry in finished.folder.glob(".dvc/cache/runs/*/*/*"):
        entry.unlink()
    (finished.folder / ".dvc" / "tmp" / "rwlock").write_text('{"write": {"')
    said = finished.call(sys.executable, "-m", "mtpipe", "doctor").stdout
    assert {"DVC's run cache", "DVC's claims"} <= {line[2:].partition("  ")[0].strip() for line in said.splitlines()}
    assert finished.run() == SHARED | chain("arm0") | chain("arm1") | CLOSING
    assert finished.lock == by_dvc.lock


def test_a_chain_that_is_killed_is_told_of_and_taken_up(new, by_dvc):
    started = start(new, SECONDS="0.5")
    wait_for(new, "update@arm0-1-round0", started)
    process = re.search(r"process (\d+)", (new.folder / "data" / "locks" / "chain-arm0-1").read_text())
    assert process is not None
    os.kill(int(process[1]), signal.SIGKILL)
    told = started.communicate(timeout=300)[0]
    assert started.returncode == 1
    assert re.search(r"arm0-1 +failed.*update@arm0-1-round0: it was killed", told)
    assert re.search(r"arm1-1 +done", told)
    again = new.run()
    assert again & chain("arm1") == set()
    assert "rollout@arm0-1-round0" not in again
    assert new.lock == by_dvc.lock


def test_an_interrupt_ends_all_of_it_and_what_has_ended_stands_in_dvc_lock(new, by_dvc):
    started = start(new, SECONDS="0.5")
    wait_for(new, "update@arm0-1-round0", started)
    os.kill(started.pid, signal.SIGINT)
    told = started.communicate(timeout=60)[0]
    assert started.returncode == 130
    assert re.search(r"arm\d-1 +stopped .*: stopped by Ctrl-C", told)
    assert "failed" not in told
    assert "takes up the rest" in told
    assert not commands_at_work(new)
    assert "rollout@arm0-1-round0" in entries(new)
    assert "rollout@arm0-1-round0" not in new.run()
    assert new.lock == by_dvc.lock


def test_a_run_that_was_stopped_before_it_knew_what_has_to_run_does_not_say_that_all_is_done():
    assert UP_TO_DATE in table(Outcome())
    assert UP_TO_DATE not in table(Outcome(), stopped=True)


def test_an_edit_while_it_works_fails_no_chain_and_counts_from_the_next_run_on(new, by_dvc):
    """Also one of which an editor has written half."""
    before = (new.folder / "params.yaml").read_text()
    started = start(new, SECONDS="0.3")
    wait_for(new, "prepare", started)
    write_params(new.folder, ARMS[:1], [1, 2], 2)
    wait_for(new, "rollout@arm1-1-round0", started)
    (new.folder / "params.yaml").write_text(before + "arms: [")
    told = started.communicate(timeout=300)[0]
    assert started.returncode == 0, told
    assert new.lock == by_dvc.lock
    (new.folder / "params.yaml").write_text(before)
    assert new.repro() == set()


def test_a_chain_that_another_process_is_at_work_on_is_left_to_it(new, by_dvc):
    own = new.folder / "data" / "chains" / "arm0-1"
    own.mkdir(parents=True)
    for name in ("lock.jsonl", "progress.json", "plan.json"):
        (own / name).write_text(f"{name} of the other")
    with alone(new.folder / "data" / "locks" / "chain-arm0-1", "at work already"):
        ended = new.try_to_run()
    assert ended.returncode == 1
    assert f"arm0-1 is at work already (process {os.getpid()}" in ended.stdout
    assert re.search(r"arm1-1 +done", ended.stdout)
    for name in ("lock.jsonl", "progress.json", "plan.json"):
        assert (own / name).read_text() == f"{name} of the other"
    assert new.run() >= chain("arm0")
    assert new.lock == by_dvc.lock


def test_a_second_run_at_the_same_time_says_so_or_waits(new, by_dvc):
    started = start(new, SECONDS="0.3")
    wait_for(new, "prepare", started)
    second = new.try_to_run()
    assert second.returncode == 1
    assert f"process {started.pid}" in second.stderr
    waited = new.try_to_run("--wait")
    assert started.communicate(timeout=300) is not None
    assert started.returncode == waited.returncode == 0
    assert "everything is up to date" in waited.stdout
    assert new.lock == by_dvc.lock


def test_a_lock_that_is_not_whole_is_replaced_by_the_last_whole_one_and_nothing_runs_again(finished):
    good = finished.lock
    (finished.folder / "dvc.lock").write_text("schema: '2.0'\nstages:\n  plan:\n    cmd: [")
    ended = finished.try_to_run()
    assert ended.returncode == 0
    assert "took the last whole one, dvc.lock.whole" in ended.stdout + ended.stderr
    assert finished.lock == good
    assert finished.run() <= {"track"}
    assert finished.lock == good


def test_a_lock_with_the_marks_of_a_conflict_is_named_with_its_remedy(finished):
    good = finished.lock
    (finished.folder / "dvc.lock").write_text("<<<<<<< HEAD\na\n=======\nb\n>>>>>>> other\n")
    ended = finished.try_to_run()
    assert ended.returncode == 1
    assert "dvc.lock" in ended.stderr
    assert "delete it" in ended.stderr
    (finished.folder / "dvc.lock").unlink()
    assert finished.run() <= {"track"}
    assert finished.lock == good


def test_what_follows_the_rounds_of_chains_runs_beside_other_chains_and_ends_with_the_same_lock(untouched, tmp_path):
    project = untouched.copy(tmp_path / "project")
    write_params(project.folder, ARMS, [1], 2)
    ended = project.try_to_run()
    assert ended.returncode == 0, ended.stdout
    assert re.search(r"arm0-1 +done +7 stages ran", ended.stdout)
    assert re.search(r"arm0-1-after +done +2 stages ran", ended.stdout)
    assert re.search(r"look +done +1 stages ran", ended.stdout)
    made = project.lock
    (project.folder / "dvc.lock").unlink()
    assert project.repro() <= {"track"}, "all else comes from the run cache"
    assert project.lock == made
