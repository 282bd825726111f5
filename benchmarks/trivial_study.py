"""A study whose stages do next to nothing: this project's dvc.yaml, with commands that write a hash of what they read.

So what a run of it takes is what running stages takes, and its outputs change where the real ones would.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from mtpipe.params import Params
from mtpipe.settings.rounds import spelled_out

ROOT = Path(__file__).parents[1]
STAGE = '''\
"""The command of every stage: python -SE stage.py OUTPUT… -- DEPENDENCY…, or `plan`."""

import hashlib
import json
import os
import sys
import time


def digest(path):
    if os.path.isdir(path):
        return "".join(digest(os.path.join(path, name)) for name in sorted(os.listdir(path)))
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".partial", "w") as file:
        file.write(text)
    os.replace(path + ".partial", path)


arguments = sys.argv[1:]
print(*arguments, flush=True)
for place in json.loads(os.environ.get("FAILING", "[]")):
    if place in " ".join(arguments):
        sys.exit(f"error in stage {place}: asked to fail")
time.sleep(float(os.environ.get("SECONDS", "0")))
hashlib.pbkdf2_hmac("sha256", b"work", b"", int(os.environ.get("WORK", "1")))
if arguments[0] == "plan":
    with open("params.yaml") as file:
        params = json.load(file)
    for stage in arguments[1:]:
        settings = {key: value for key, value in params.get(stage, {}).items() if key != "after"}
        write(f"data/stages/{stage}.json", json.dumps(settings))
    for arm in params["arms"]:
        write(f"data/plan/{arm}/update.json", json.dumps(params["update"]))
        for round in params["rounds"]:
            write(f"data/plan/{arm}/round{round['n']}.json", json.dumps(params["temperature"][arm]))
else:
    middle = arguments.index("--")
    found = "".join(digest(path) for path in arguments[middle + 1 :])
    names = {"data/problems": ["warm_start.parquet", "train.parquet", "sources.json"]}
    for output in arguments[:middle]:
        files = [output] if "." in os.path.basename(output) else [f"{output}/{n}" for n in names.get(output, ["file"])]
        for file in files:
            write(file, hashlib.sha256((file + found).encode()).hexdigest())
'''


def make_study(folder: Path, arms: int, seeds: int, rounds: int) -> int:
    """Makes the project in a new folder, under git, and returns the number of its stages."""
    folder.mkdir(parents=True)
    yaml = YAML()
    yaml.width = 10_000
    graph = yaml.load((ROOT / "dvc.yaml").read_text())
    others = [name for name in graph["stages"] if name != "plan"]
    for name, stage in graph["stages"].items():
        if name == "plan":
            stage["cmd"], stage["deps"] = " ".join(["python -SE stage.py plan", *others]), ["stage.py"]
        else:
            stage["deps"] = [dep for dep in stage["deps"] if dep != "inputs"]
            outs = [out if isinstance(out, str) else next(iter(out)) for out in stage["outs"]]
            stage["cmd"] = " ".join(["python -SE stage.py", *outs, "--", *stage["deps"]])
    with open(folder / "dvc.yaml", "w") as file:
        yaml.dump(graph, file)
    (folder / "stage.py").write_text(STAGE)
    (folder / ".gitignore").write_text("/data/*\n/report/\n/mlflow/\n")
    write_params(folder, [f"arm{index}" for index in range(arms)], list(range(1, seeds + 1)), rounds)
    dvc = str(Path(sys.executable).with_name("dvc"))
    for command in (["git", "init", "-q"], [dvc, "init", "-q"], ["git", "add", "-A"]):
        subprocess.run(command, cwd=folder, check=True)
    return 7 + arms * seeds * (3 + 3 * rounds)


def write_params(folder: Path, arms: list[str], seeds: list[int], rounds: int, **changes: float) -> None:
    """Writes its params.yaml, in JSON so that its stages read it fast; `changes` are temperatures of arms."""
    temperature: dict[str, Any] = {
        arm: {"schedule": {"kind": "constant", "value": changes.get(arm, 1.0)}} for arm in arms
    }
    settings = Params.model_validate(
        {
            "arms": arms,
            "seeds": seeds,
            "rounds": [round.model_dump() for round in spelled_out(rounds)],
            "temperature": temperature,
            "compute": {"device": "cpu", "threads": 1},
            "evaluate": {"after": [rounds]},
            "report": {"baseline": arms[0]},
        }
    )
    (folder / "params.yaml").write_text(json.dumps(settings.model_dump(mode="json"), indent=1) + "\n")
