"""A policy that vLLM takes too."""

from pathlib import Path

import pytest
from asking import Asked
from vllm_process import uneven_policy


@pytest.fixture(scope="session")
def folder(tmp_path_factory, params) -> Path:
    return uneven_policy(tmp_path_factory.mktemp("uneven"), params, seed=0)


@pytest.fixture
def asked(policy) -> Asked:
    """An engine that keeps what it is asked for."""
    return Asked(policy)
