"""What the stages write, as others read it: `datasets.load_dataset`, and the formats of TRL and verl."""

import pytest
from builders import judged, rollout
from datasets import Value, load_dataset

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.export_rollouts import export_rollouts
from mtpipe.records import EVALUATION, PROBLEMS, ROLLOUTS, VERDICTS, write_rollouts, write_rows


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Two rounds of one arm: four responses, of which those with an even number of tokens are right."""
    monkeypatch.chdir(tmp_path)
    problem = {"task": "arithmetic", "split": "train", "answer": "3", "meta": "{}"}
    write_rows(paths.TRAIN, [{**problem, "problem_id": each, "prompt": f"{each}>"} for each in "pq"], PROBLEMS)
    for round, key in ((0, "p"), (10, "q")):
        sampled = [
            rollout(ids, problem_id=key, sample=index, text=str(ids), temperature=1.0 + index)
            for index, ids in enumerate([[3, 4], [5]])
        ]
        write_rollouts(paths.rollouts("token", 1, round), sampled)
        verdicts = [
            {**row, "parts": {}, "masked": False, "score": 1.0, "answer": "3", "detail": ""} for row in judged(sampled)
        ]
        write_rows(paths.verdicts("token", 1, round), verdicts, VERDICTS)
    return tmp_path


def read(path, cache):
    return load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(cache))


def test_datasets_reads_every_table(project):
    for path, schema in (
        (paths.TRAIN, PROBLEMS),
        (paths.rollouts("token", 1, 0), ROLLOUTS),
        (paths.verdicts("token", 1, 0), VERDICTS),
    ):
        found = read(path, project / "cache")
        assert found.column_names == schema.names
        assert len(found) == 2
    write_rows(project / "after5.parquet", [dict.fromkeys(EVALUATION.names)], EVALUATION)
    assert read(project / "after5.parquet", project / "cache").column_names == EVALUATION.names
    sampled = read(paths.rollouts("token", 1, 0), project / "cache")
    assert sampled[0]["response_ids"] == [3, 4]
    assert sampled[0]["behaviour_logprobs"] == [-2.5, -2.5]


def test_trl_gets_unpaired_preferences_in_the_order_of_rounds(project):
    assert export_rollouts(project / "out") == {"trl": 4, "verl_sft": 4, "verl_rl": 2}
    found = read(project / "out" / "trl.parquet", project / "cache")
    assert found["label"][:] == [True, False, True, False]
    assert found["round"][:] == [0, 0, 10, 10]
    assert found["prompt"][:] == ["p>", "p>", "q>", "q>"]
    assert found["completion"][:2] == ["[3, 4]", "[5]"]
    assert found["mean_temperature"][:2] == [1.0, 2.0]
    assert found.features["label"] == Value("bool")


def test_verl_gets_chats_and_tasks(project):
    export_rollouts(project / "out", right_only=True)
    chats = read(project / "out" / "verl_sft.parquet", project / "cache")
    assert chats["messages"][1] == [
        {"role": "user", "content": "q>"},
        {"role": "assistant", "content": "[3, 4]"},
    ]
    assert len(chats) == 2
    task = read(project / "out" / "verl_rl.parquet", project / "cache")[0]
    assert task["prompt"] == [{"role": "user", "content": "p>"}]
    assert task["reward_model"] == {"style": "rule", "ground_truth": "3"}
    assert task["data_source"] == "arithmetic"


def test_nothing_judged_is_said(project):
    paths.verdicts("token", 1, 0).unlink()
    paths.verdicts("token", 1, 10).unlink()
    with pytest.raises(MtpipeError, match="dvc repro"):
        export_rollouts(project / "out")
