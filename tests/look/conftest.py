"""What the tests of the viewer share: a round's folder."""

import shutil
from pathlib import Path

import pytest

from benchmarks.synthetic_study import write_rollouts


@pytest.fixture
def folder(tmp_path, policy_folder) -> Path:
    """A round's folder with 3 groups of 4 responses, to which the tests may do harm."""
    write_rollouts(tmp_path / "round", groups=3, group_size=4, tokens=20, vocabulary=18)
    shutil.copytree(policy_folder, tmp_path / "round" / "policy")
    return tmp_path / "round"
