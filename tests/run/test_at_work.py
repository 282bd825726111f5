"""Who works in a project: DVC's own file of claims, read by someone else."""

import json
import os

from mtpipe.run.at_work import CLAIMS, workers, workers_said

GONE = 2**22 + 1
"""A process number that Linux does not give out."""


def test_who_works_is_named_once_with_what_to_do_and_the_dead_are_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert workers() == []
    assert workers_said() == ""
    CLAIMS.parent.mkdir(parents=True)
    mine, dead = {"pid": os.getpid(), "cmd": "dvc repro"}, {"pid": GONE, "cmd": "dvc push"}
    CLAIMS.write_text(json.dumps({"write": {"data/a": mine}, "read": {"data/b": [mine, dead]}}))
    assert [worker.alive for worker in workers()] == [worker.pid != GONE for worker in workers()]
    assert {worker.command for worker in workers()} == {"dvc repro", "dvc push"}
    assert workers_said().count(f"process {os.getpid()} (dvc repro)") == 1
    assert f"kill {os.getpid()}" in workers_said()
    assert "dvc push" not in workers_said()
    CLAIMS.write_text("{")
    assert workers() == []
