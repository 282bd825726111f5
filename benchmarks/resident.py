"""A resident engine against one for each stage: what it saves with vLLM, and what it would with the torch engine.

With vLLM: the default task, two arms and three rounds by `dvc repro` in fresh clones. Prints seconds that stages waited
for their engine, seconds of all stages after the warm start, whether the two dvc.lock are the same, and the host memory
that the resident engine holds while an update runs. Takes as long as the study does twice.

With torch: a default policy is opened and samples a round's responses, in a process that has the libraries loaded, as a
forked stage has, and in a resident one.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from mtpipe.owner import OWNER, engine_home

_WAITED = "MTPIPE_BENCHMARK_WAITED"
_SERVER = b"mtpipe.sampling.serving"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resident", description=__doc__)
    parser.add_argument(
        "--warm-start", type=int, metavar="STEPS", help="of the default's 1 100; both sides have the same"
    )
    parser.add_argument("names", nargs="*", help=argparse.SUPPRESS)  # of `python -m benchmarks`
    steps = parser.parse_args().warm_start
    _with_torch()
    _with_vllm(steps)


def _with_torch() -> None:
    from mtpipe.model.policy import new_checkpoint
    from mtpipe.params import load_params
    from mtpipe.sampling.drawing.requests import Request, SamplingPlan
    from mtpipe.sampling.opening import open_here
    from mtpipe.sampling.resident.client import ResidentEngine
    from mtpipe.tasks.synthetic.arithmetic import VOCABULARY
    from mtpipe.temperature.rules.uniform import ResolvedUniform

    params = load_params()
    settings = params.sampling.model_copy(update={"engine": "torch"})
    os.environ[OWNER] = str(os.getpid())
    home = engine_home()
    assert home is not None
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "policy"
        new_checkpoint(folder, params.model, VOCABULARY, max_positions=128)
        rule = ResolvedUniform(temperature=1.0)
        plan = SamplingPlan(1, "benchmark", settings.max_new_tokens, settings.batch_size)
        seconds: dict[str, list[float]] = {"in the stage": [], "resident": []}
        for _ in range(4):  # the first starts the resident process
            for name, opened in (
                ("in the stage", lambda: open_here(settings, params.compute, folder)),
                ("resident", lambda: ResidentEngine(folder, settings, params.compute, home)),
            ):
                start = time.perf_counter()
                engine = opened()
                ready = time.perf_counter()
                prompts = [engine.vocabulary.encode(f"{n % 9}+{n % 7}*{n % 5}>") for n in range(settings.prompts)]
                requests = [
                    Request(str(n), 0, prompt, 1.0, rule) for n, prompt in enumerate(prompts * settings.group_size)
                ]
                assert len(list(engine.sample(requests, plan))) == len(requests)
                seconds[name].append(time.perf_counter() - start)
                print(f"torch, {name}: open {ready - start:.3f} s, then sample {time.perf_counter() - ready:.3f} s")
                engine.close()
        print(f"best of the last three, resident / in the stage: {_best(seconds, 'resident'):.2f}", flush=True)


def _best(seconds: dict[str, list[float]], name: str) -> float:
    return min(seconds[name][1:]) / min(seconds["in the stage"][1:])


def _with_vllm(steps: int | None) -> None:
    with tempfile.TemporaryDirectory() as parent:
        start = _clone(Path(parent) / "start", steps)
        print(f"up to the warm start, which both share: {_repro(start, '0', 'warm_start'):.0f} s", flush=True)
        results = []
        for name, resident in (("one for each stage", "0"), ("resident", "1")):
            folder = Path(shutil.copytree(start, Path(parent) / f"clone{resident}", symlinks=True))
            (folder / "waited").unlink()
            with _watched(folder) as held:
                seconds = _repro(folder, resident)
            waits = [float(line) for line in (folder / "waited").read_text().split()]
            results.append((seconds, sum(waits), (folder / "dvc.lock").read_text()))
            print(f"{name}: dvc repro {seconds:.0f} s, in which {len(waits)} stages waited {sum(waits):.1f} s for vLLM")
            if held:
                print(f"  while updates ran it held {min(held):.2f} to {max(held):.2f} GiB of host memory", flush=True)
        (whole, waited, lock), (whole_resident, waited_resident, lock_resident) = results
        print(
            f"resident / one for each: waiting {waited_resident / waited:.3f}, the whole {whole_resident / whole:.2f}"
        )
        print(f"dvc.lock is {'the same' if lock == lock_resident else 'ANOTHER'}")


def listener(arguments: dict[str, Any]) -> None:
    """Called in each stage before its work (`mtpipe.run.stage.LISTENER`): has the opening of engines timed.

    Only in a stage that has loaded what opens them; this module loads nothing heavy.
    """
    opening = sys.modules.get("mtpipe.sampling.opening")
    if opening is None:
        return

    def timed(open_one: Callable[..., Any]) -> Callable[..., Any]:
        def opened(*positional: Any, **named: Any) -> Any:
            start = time.perf_counter()
            engine = open_one(*positional, **named)
            with open(os.environ[_WAITED], "a") as file:
                file.write(f"{time.perf_counter() - start}\n")
            return engine

        return opened

    for name in ("open_here", "ResidentEngine"):
        setattr(opening, name, timed(getattr(opening, name)))


def _clone(folder: Path, steps: int | None) -> Path:
    subprocess.run(["git", "clone", "-q", os.getcwd(), str(folder)], check=True)
    yaml = YAML()
    params = yaml.load((folder / "params.yaml").read_text())
    params["arms"] = ["uniform", "token"]
    params["rounds"] = [{"n": n, "next": n + 1} for n in range(3)]
    params["evaluate"]["after"] = [3]
    params["sampling"]["engine"] = "vllm"
    params["warm_start"]["steps"] = steps or params["warm_start"]["steps"]
    yaml.dump(params, folder / "params.yaml")
    return folder


def _repro(folder: Path, resident: str, *stages: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name != OWNER} | {
        "MTPIPE_RESIDENT": resident,
        "MTPIPE_LISTENER": "benchmarks.resident:listener",
        _WAITED: str(folder / "waited"),
        "PYTHONPATH": str(folder),
    }
    start = time.perf_counter()
    subprocess.run(["dvc", "repro", "-q", *stages], cwd=folder, env=environment, check=True)
    return time.perf_counter() - start


@contextlib.contextmanager
def _watched(folder: Path) -> Iterator[list[float]]:
    """Collects the GiB that resident engines of a project have while one of its updates runs."""
    held: list[float] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            processes = dict(_processes(folder))
            if any(b"mtpipe.run.launch\0update" in line for line in processes.values()):
                pages = [_pages(number) for number, line in processes.items() if _SERVER in line]
                held.extend(count * os.sysconf("SC_PAGE_SIZE") / 2**30 for count in pages if count)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield held
    finally:
        over.set()
        looking.join()


def _processes(folder: Path) -> Iterator[tuple[int, bytes]]:
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if place.joinpath("cwd").resolve() == folder.resolve():
                yield int(place.name), place.joinpath("cmdline").read_bytes()


def _pages(number: int) -> int:
    try:
        return int(Path(f"/proc/{number}/statm").read_text().split()[1])
    except OSError:
        return 0


if __name__ == "__main__":
    main()
