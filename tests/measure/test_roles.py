"""Precision and recall of an entropy threshold."""

import numpy as np
import pytest

from mtpipe.errors import MtpipeError
from mtpipe.measure.roles import TokenRoles, format_roles, read_roles
from mtpipe.records import NOT_EVEN, PROBLEMS, ROLLOUTS, write_rows

RESPONSE = "9*3=27,2+27=29,29-4=25"


def write(folder, task: str = "arithmetic", ids: int = len(RESPONSE) + 1):
    problem = {"problem_id": "p", "task": task, "split": "train", "prompt": "2+9*3-4>", "answer": "25", "meta": "{}"}
    write_rows(folder / "train.parquet", [problem], PROBLEMS)
    row = {name: [] for name in ROLLOUTS.names} | {"problem_id": "p", "sample": 0, "text": RESPONSE}
    row |= {
        "even_from": NOT_EVEN,
        "response_ids": [0] * ids,
        "entropies": [1.0] + [0.0] * (ids - 1),
        "finish_reason": "stop",
    }
    if "base_temperature" in row:
        row["base_temperature"] = 1.0
    write_rows(folder / "rollouts.parquet", [row], ROLLOUTS)
    return [folder / "rollouts.parquet"], folder / "train.parquet"


def test_the_roles_of_a_response_are_read_with_its_stop_token(tmp_path):
    roles = read_roles(*write(tmp_path))
    assert roles.chose.tolist() == [True] + [False] * len(RESPONSE)


def test_other_tasks_and_tokenizers_are_refused(tmp_path):
    with pytest.raises(MtpipeError, match="not in countdown"):
        read_roles(*write(tmp_path, task="countdown"))
    with pytest.raises(MtpipeError, match="one token for each character"):
        read_roles(*write(tmp_path, ids=3))


def test_precision_and_recall_are_those_of_the_tokens_from_the_threshold_on():
    entropies = np.arange(100) / 100
    chose = np.isin(np.arange(100), [99, 98, 70, 10])
    lines = format_roles(TokenRoles(entropies, chose, np.arange(100))).splitlines()
    assert lines[0] == "100 tokens, 4.0% of which chose between the orders"
    (line,) = [line for line in lines if line.startswith("0.9 ")]
    assert "20.0% [" in line, "2 of the 10 hot tokens chose"
    assert "50.0% [" in line, "2 of the 4 that chose are hot"


def test_a_token_at_the_threshold_is_hot_as_the_rule_has_it():
    lines = format_roles(TokenRoles(np.full(10, 0.5), np.arange(10) == 0, np.arange(10))).splitlines()
    (line,) = [line for line in lines if line.startswith("0.9 ")]
    assert line.split()[:3] == ["0.9", "0.5000", "100.0%"]
