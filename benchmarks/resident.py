"""The default task with vLLM, two arms and three rounds by `dvc repro`: a resident engine against one for each stage.

Both in fresh clones; prints seconds that stages waited for their engine, seconds of the whole, whether the two dvc.lock
are the same, and the host memory that the resident engine holds while an update runs. Needs vLLM; takes as long as the
study does twice.
"""

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

_WAITED = "MTPIPE_BENCHMARK_WAITED"
_SERVER = b"mtpipe.sampling.serving"


def main() -> None:
    with tempfile.TemporaryDirectory() as parent:
        results = {}
        for name, resident in (("one for each stage", "0"), ("resident", "1")):
            clone = _clone(Path(parent) / f"clone{resident}")
            with _watched(clone) as held:
                seconds = _repro(clone, resident)
            waits = [float(line) for line in (clone / "waited").read_text().split()]
            results[name] = seconds, sum(waits)
            print(f"{name}: dvc repro {seconds:.0f} s; {len(waits)} stages waited {sum(waits):.1f} s for their engine")
            if held:
                print(f"  held while updates ran: {min(held):.2f} to {max(held):.2f} GiB resident in host memory")
        (whole, waited), (whole_resident, waited_resident) = results.values()
        print(f"waiting {waited_resident / waited:.3f} of what it was, the whole {whole_resident / whole:.2f}")
        locks = [(Path(parent) / f"clone{resident}" / "dvc.lock").read_text() for resident in "01"]
        print(f"dvc.lock is {'the same' if locks[0] == locks[1] else 'ANOTHER'}")


def listener(arguments: dict[str, Any]) -> None:
    """Called in each stage before its work (`mtpipe.run.stage.LISTENER`): has the opening of engines timed."""
    from mtpipe.sampling import opening

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


def _clone(folder: Path) -> Path:
    subprocess.run(["git", "clone", "-q", os.getcwd(), str(folder)], check=True)
    yaml = YAML()
    params = yaml.load((folder / "params.yaml").read_text())
    params["arms"] = ["uniform", "token"]
    params["rounds"] = [{"n": n, "next": n + 1} for n in range(3)]
    params["evaluate"]["after"] = [3]
    params["sampling"]["engine"] = "vllm"
    yaml.dump(params, folder / "params.yaml")
    return folder


def _repro(folder: Path, resident: str) -> float:
    environment = {
        **os.environ,
        "MTPIPE_RESIDENT": resident,
        "MTPIPE_LISTENER": "benchmarks.resident:listener",
        _WAITED: str(folder / "waited"),
        "PYTHONPATH": str(folder),
    }
    start = time.perf_counter()
    subprocess.run(["dvc", "repro", "-q"], cwd=folder, env=environment, check=True)
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
