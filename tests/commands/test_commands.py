"""The commands beside the pipeline, and the launcher of its stages, as a user runs them."""

import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from builders import PYTHONPATH, ROOT

from mtpipe.owner import OWNER
from mtpipe.run.preload import ProjectCode, seen

pytestmark = pytest.mark.slow


def run(*arguments: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": PYTHONPATH, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_temperatures_prints_one_row_an_arm_and_round(params):
    ended = run("mtpipe", "temperatures")
    assert ended.returncode == 0, ended.stderr
    rows = [line.split() for line in ended.stdout.splitlines()]
    for arm in params.arms:
        assert sum(row[:1] == [arm] for row in rows) == len(params.rounds)
    spike_round_4 = next(row for row in rows if row[:2] == ["spike", "4"])
    assert spike_round_4[2:] == ["1.2"] * params.sampling.group_size
    assert next(row for row in rows if row[:2] == ["spread", "0"])[2:] == [
        "1",
        "1",
        "0.9",
        "1.1",
        "0.8",
        "1.2",
        "0.7",
        "1.3",
    ]
    assert "1|1.2" in next(row for row in rows if row[:2] == ["token", "0"])


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_temperatures_draws_a_picture(tmp_path, ending):
    ended = run("mtpipe", "temperatures", "--plot", str(tmp_path / f"plan.{ending}"))
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / f"plan.{ending}").stat().st_size > 5000


def test_a_picture_format_that_does_not_exist_is_a_clear_error(tmp_path):
    ended = run("mtpipe", "temperatures", "--plot", str(tmp_path / "plan.nonsense"))
    assert ended.returncode == 1
    assert "plan.nonsense could not be drawn" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_outside_a_project_the_error_names_the_missing_file(tmp_path):
    ended = run("mtpipe", "temperatures", folder=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.strip() == "error: params.yaml is missing; run from the project's root"


def test_planning_needs_no_torch():
    program = "import sys; from mtpipe.params import load_params; load_params().plans(); print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True).strip() == "False"


def test_help_names_every_command_and_waits_for_no_library():
    heavy = ("torch", "numpy", "pyarrow", "sympy", "dvc", "mlflow", "matplotlib", "pydantic")
    program = (
        "import atexit, sys; from mtpipe.__main__ import main; sys.argv = ['mtpipe', '--help']\n"
        f"atexit.register(lambda: print('loaded:', [name for name in {heavy} if name in sys.modules])); main()"
    )
    said = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True)
    assert said.endswith("loaded: []\n")
    commands = {file.stem for file in (ROOT / "mtpipe" / "commands").glob("*.py")} - {"__init__"}
    assert commands
    assert commands <= set(said.split())


def test_a_reader_that_has_enough_ends_a_command_without_a_traceback():
    command = [sys.executable, "-m", "mtpipe", "temperatures"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        started.stdout.close()
        assert started.stderr.read() == ""


def test_the_launcher_names_the_stages_there_are():
    ended = run("mtpipe.run.launch", "rollot")
    assert ended.returncode != 0
    assert "rollout" in ended.stderr


@pytest.fixture
def toy_stages(tmp_path) -> Path:
    """A folder whose rollout stage says who it is, reads its input, and ends as told."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "rollout.py").write_text(
        "import os, sys, time\n"
        "if __name__ == '__main__':\n"
        "    print('pid', os.getpid(), 'loaded', 'transformers' in sys.modules, os.environ['MARK'], sys.argv[1:])\n"
        "    print('to stderr', file=sys.stderr, flush=True)\n"
        "    if sys.argv[1] == 'sleep':\n"
        "        open('started', 'w').write(str(os.getpid())); time.sleep(60)\n"
        "    sys.exit('a reason' if sys.argv[1] == 'reason' else int(sys.argv[1]))\n"
    )
    return tmp_path


def wait_until_preloaded(folder: Path, **environment: str) -> None:
    deadline = time.monotonic() + 120
    first = {"MARK": "first", **environment}
    while "loaded True" not in run("mtpipe.run.launch", "rollout", "0", folder=folder, **first).stdout:
        assert time.monotonic() < deadline, "the preloaded process never answered"
        time.sleep(0.5)


def test_a_forked_stage_behaves_as_a_fresh_process(toy_stages):
    wait_until_preloaded(toy_stages)
    for status in ("0", "3"):
        forked = run("mtpipe.run.launch", "rollout", status, folder=toy_stages, MARK="two words")
        assert "loaded True" in forked.stdout
        assert f"two words ['{status}']" in forked.stdout
        assert forked.stderr == "to stderr\n"
        assert forked.returncode == int(status)
    assert run("mtpipe.run.launch", "rollout", "reason", folder=toy_stages, MARK="").returncode == 1
    alone = run("mtpipe.run.launch", "rollout", "5", folder=toy_stages, MARK="", MTPIPE_PRELOAD="0")
    assert "loaded False" in alone.stdout
    assert alone.returncode == 5


@pytest.mark.skipif(not find_spec("vllm"), reason="vLLM is missing; install it with `make setup-vllm`")
def test_a_stage_that_samples_with_vllm_is_forked_unless_it_starts_vllm_itself(toy_stages):
    plan = toy_stages / "data" / "stages" / "rollout.json"
    plan.parent.mkdir(parents=True)
    plan.write_text('{"settings": {"sampling": {"engine": "vllm"}}}')
    wait_until_preloaded(toy_stages)
    itself = run("mtpipe.run.launch", "rollout", "0", folder=toy_stages, MARK="", MTPIPE_RESIDENT="0")
    assert "loaded False" in itself.stdout


def test_the_first_stage_with_torch_is_forked_after_the_plan(toy_stages):
    (toy_stages / "stages" / "plan.py").write_text("")
    launch = "subprocess.run([sys.executable, '-m', 'mtpipe.run.launch', *{}])"
    program = (
        "import os, pathlib, subprocess, sys, tempfile, time\n"
        + launch.format(["plan"])
        + "\nsocket = pathlib.Path(tempfile.gettempdir(), f'mtpipe-{os.getuid()}', f'{os.getpid()}.socket')\n"
        "deadline = time.monotonic() + 120\n"
        "while not socket.exists() and time.monotonic() < deadline: time.sleep(0.2)\n" + launch.format(["rollout", "0"])
    )
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "MARK": ""}
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=toy_stages, env=environment, capture_output=True, text=True, check=True
    )
    assert "loaded True" in ended.stdout


def test_an_edited_stage_runs_as_edited(toy_stages):
    wait_until_preloaded(toy_stages)
    script = toy_stages / "stages" / "rollout.py"
    script.write_text("print('edited')\n")
    assert run("mtpipe.run.launch", "rollout", "0", folder=toy_stages, MARK="").stdout == "edited\n"


def test_a_forked_stage_has_the_code_of_mtpipe_that_the_stages_of_its_project_import(toy_stages):
    script = toy_stages / "stages" / "rollout.py"
    found = "print('loaded', 'mtpipe.text_table' in sys.modules)"
    script.write_text(f"import sys\n{found}\nfrom mtpipe.text_table import aligned\n")
    elsewhere = toy_stages / "elsewhere"
    shutil.copytree(toy_stages / "stages", elsewhere / "stages")
    owner = subprocess.Popen(["sleep", "300"])
    own = {OWNER: str(owner.pid)}
    try:
        wait_until_preloaded(toy_stages, **own)
        assert "loaded False" in run("mtpipe.run.launch", "rollout", folder=elsewhere, **own).stdout
    finally:
        owner.kill()
        owner.wait()


def test_code_that_was_edited_since_it_was_loaded_is_not_that_of_the_project(tmp_path):
    file = tmp_path / "module.py"
    file.write_text("one = 1\n")
    code = ProjectCode(str(tmp_path), {str(file): seen(str(file))})
    assert code.is_present(str(tmp_path))
    assert not code.is_present(str(tmp_path.parent))
    file.write_text("one = 10\n")
    assert not code.is_present(str(tmp_path))
    file.unlink()
    assert not code.is_present(str(tmp_path))


def test_a_forked_stage_ends_with_its_launcher(toy_stages):
    wait_until_preloaded(toy_stages)
    launcher = subprocess.Popen(
        [sys.executable, "-m", "mtpipe.run.launch", "rollout", "sleep"],
        cwd=toy_stages,
        env={**os.environ, "PYTHONPATH": PYTHONPATH, "MARK": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    started = toy_stages / "started"
    deadline = time.monotonic() + 60
    while not (started.exists() and started.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    stage = int(started.read_text())
    assert stage != launcher.pid
    launcher.kill()
    launcher.wait()
    while Path(f"/proc/{stage}").exists():
        assert time.monotonic() < deadline, "the forked stage outlived its launcher"
        time.sleep(0.05)
