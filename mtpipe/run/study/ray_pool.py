"""Slots on the machines of a Ray cluster: a part is a Ray task with its CPUs and GPUs.

The project and its environment lie at one path on a file system that all machines share. Ray chooses the machine; there
a part is the process that it is in the local pool, and ends with its task.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from mtpipe.errors import MtpipeError
from mtpipe.params import Params
from mtpipe.ray_address import INSTALL, knock
from mtpipe.run.study.pool import LocalPart
from mtpipe.run.study.slots import Slot, devices_of_a_chain

_SECONDS_BETWEEN_LOOKS = 0.2


class RayCluster:
    """A running cluster and the slots that it has.

    Args:
        address: `host:port`, or `auto` for the cluster that this machine belongs to.
        jobs: chains at a time; None: as many as there is room for.

    Raises MtpipeError if Ray is missing, no cluster answers, or it has no room for one chain or for `jobs`.
    """

    def __init__(self, address: str, params: Params, jobs: int | None = None) -> None:
        self._ray = _connect(address)
        found = self._ray.cluster_resources()
        uses_gpus = params.compute.device != "cpu" and found.get("GPU", 0) > 0
        self._each = {"CPU": params.compute.threads, "GPU": devices_of_a_chain(params) if uses_gpus else 0}
        room = min(int(found.get(kind, 0) // each) for kind, each in self._each.items() if each)
        if room < (jobs or 1):
            self._ray.shutdown()
            needs = f"{self._each['CPU']} CPUs (compute.threads) and {self._each['GPU']} GPUs"
            has = f"{found.get('CPU', 0):g} CPUs and {found.get('GPU', 0):g} GPUs"
            raise MtpipeError(
                f"a chain needs {needs}, and the cluster at {address} has {has}: room for {room} at a time"
                + (f", and --jobs is {jobs}" if jobs else "")
            )
        self.slots = [Slot()] * (jobs or room)

    def start(self, part: str, slot: Slot) -> "RayPart":
        """Begins a part on a machine that Ray chooses."""
        return RayPart(self._ray, part, self._each)


class RayPart:
    """A part as a task of Ray (`mtpipe.run.study.pool.Started`)."""

    def __init__(self, ray: Any, part: str, each: dict[str, int]) -> None:
        self._ray = ray
        task = ray.remote(_run).options(num_cpus=each["CPU"], num_gpus=each["GPU"], max_retries=0)
        self._task = task.remote(part, os.getcwd())

    def has_ended(self) -> bool:
        return bool(self._ray.wait([self._task], timeout=0)[0])

    def interrupt(self) -> None:
        self._ray.cancel(self._task)

    def kill(self) -> None:
        if not self.has_ended():
            self._ray.cancel(self._task, force=True)


def _run(part: str, folder: str) -> None:
    """Runs a part in this worker's machine until it ends or the task is cancelled."""
    os.chdir(folder)
    started = LocalPart(part, Slot())
    try:
        while not started.has_ended():
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    except KeyboardInterrupt:
        started.interrupt()
        while not started.has_ended():
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    finally:
        started.kill()


def _connect(address: str) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise MtpipeError(f"--address needs Ray, which is missing: {INSTALL}") from error
    python = str(Path(sys.executable).parent)
    environment = {
        "PATH": os.pathsep.join([python, os.environ.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
    }
    try:
        knock(address)
        ray.init(address, log_to_driver=False, logging_level="ERROR", runtime_env={"env_vars": environment})
    except (OSError, RuntimeError, ValueError) as error:
        raise MtpipeError(
            f"--address is {address!r}, where no cluster answers ({error}); give the host:port that "
            f"`ray start --head` names, or auto for the cluster of this machine"
        ) from error
    return ray
