"""What several tests share: params.yaml as the repository ships it, a tiny untrained policy, and a browser."""

import copy
import os
import re
import runpy
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from builders import FINGERPRINTS, LEAN, ROOT
from hypothesis import settings

from mtpipe.params import Params, load_params
from mtpipe.run.fingerprint import Fingerprints
from mtpipe.settings.model import Lora

# Here, and in each process that tests start with what os.environ has.
runpy.run_path(f"{LEAN}/sitecustomize.py")
os.environ["PYTHONPATH"] = os.pathsep.join([LEAN, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]).rstrip(
    os.pathsep
)

settings.register_profile("mtpipe", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("mtpipe")

TOGETHER = re.compile(r"tests/stages/|tests/sampling/test_vllm_(?=(engine|lora|nf4|start)\.py)")
"""Files whose tests run in one process: the chains that they share take seconds, and so does loading vLLM."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves files that are slow as a whole out of the fast tests unread: what they import takes seconds to load."""
    if config.getoption("-m") != "not slow" or collection_path.suffix != ".py":
        return None
    slow = re.search(r"^pytestmark = .*mark\.(slow|pipeline)", collection_path.read_text(), re.MULTILINE)
    return True if slow else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as slow what is so by another mark, and what needs the browser; the longest files come first.

    So two workers end at about one time.
    """
    for item in items:
        marked = item.get_closest_marker("pipeline") or item.get_closest_marker("exhaustive")
        if marked or "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")
    items.sort(key=lambda item: (item.get_closest_marker("pipeline") is None, item.get_closest_marker("slow") is None))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    """A file's tests run in one process, and so do those of the files in `TOGETHER`."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class BySharedFixtures(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            shared = TOGETHER.match(nodeid)
            return shared[0] if shared else super()._split_scope(nodeid)

    return BySharedFixtures(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says which tests were left out, and what runs them; skipped ones give their reasons themselves."""
    command = {"not exhaustive": "exhaustive; `make test-exhaustive`", "not slow": "slow; `make test`"}
    if left_out := command.get(config.getoption("-m")):
        terminalreporter.write_line(f"left out: tests marked {left_out} runs them")


@pytest.fixture(scope="session", autouse=True)
def parsed_once() -> Iterator[None]:
    """The plan stage parses all of the project's code, two seconds; in a process of tests a file is parsed once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stages.plan.Fingerprints", partial(Fingerprints, FINGERPRINTS.cache))
        yield


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params(ROOT / "params.yaml")


@pytest.fixture(scope="session")
def policy_folder(tmp_path_factory, params) -> Path:
    """A new, untrained Qwen2 over the arithmetic vocabulary."""
    from mtpipe.model.policy import new_checkpoint
    from mtpipe.tasks.synthetic.arithmetic import VOCABULARY

    folder = tmp_path_factory.mktemp("policy") / "policy"
    sizes = params.model.model_copy(update={"hidden_size": 32, "layers": 2})
    new_checkpoint(folder, sizes, VOCABULARY, max_positions=128)
    return folder


@pytest.fixture(scope="session")
def loaded_policy(policy_folder):
    """What `policy` copies: loading takes ten times as long."""
    import torch

    from mtpipe.model.policy import load_policy

    loaded = load_policy(policy_folder)
    with torch.no_grad():
        for parameter in loaded.model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(12.0)
    return loaded


@pytest.fixture
def policy(loaded_policy):
    """A fresh copy in memory. Its weights are scaled up: a new model's distributions are all but even."""
    return copy.deepcopy(loaded_policy)


@pytest.fixture(scope="session")
def base_once(loaded_policy, policy_folder, tmp_path_factory) -> Path:
    from mtpipe.model.policy import save_policy

    folder = tmp_path_factory.mktemp("base") / "base"
    save_policy(loaded_policy, folder, tokenizer_from=policy_folder)
    return folder


@pytest.fixture
def base(base_once, tmp_path) -> Path:
    """That policy in a folder, as the base of adapters."""
    return Path(shutil.copytree(base_once, tmp_path / "base"))


@pytest.fixture
def lora():
    """What `adapter_folder` has; a test file may have another in its place."""
    return Lora(rank=4, alpha=6.0)


@pytest.fixture(scope="session")
def adapters_once(base_once, tmp_path_factory) -> Callable[[Lora], Path]:
    """Makes what `adapter_folder` copies: an adapter beside its base, once for each of its settings."""
    from mtpipe.model.adapter_policy import new_adapter

    made: dict[str, Path] = {}

    def adapter(lora: Lora) -> Path:
        key = lora.model_dump_json()
        if key not in made:
            folder = tmp_path_factory.mktemp("adapter")
            shutil.copytree(base_once, folder / "base")
            new_adapter(folder / "base", folder / "run" / "round0", lora, seed=3)
            made[key] = folder / "run" / "round0"
        return made[key]

    return adapter


@pytest.fixture
def adapter_folder(adapters_once, base, lora, tmp_path) -> Path:
    """A policy folder with a new adapter on that base, which changes nothing yet."""
    made = adapters_once(lora)
    folder = Path(shutil.copytree(made, tmp_path / "run" / "round0"))
    config = folder / "adapter_config.json"  # peft has the whole path of the base in it
    config.write_text(config.read_text().replace(str(made.parents[1]), str(tmp_path)))
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless Chromium; the test skips where none is installed."""
    from browser import chromium

    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory) -> Path:
    """An MLflow database without runs. MLflow takes seconds to make its tables, so tests start from a copy."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path
