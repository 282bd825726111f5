"""Where a chain can run on this machine: CPU cores, and the CUDA devices that are its own."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from mtpipe.devices import DEVICES, visible_devices
from mtpipe.errors import MtpipeError
from mtpipe.owner import RESIDENT, SLOT, Process, home_of
from mtpipe.params import Params
from mtpipe.settings.sampling import ADAPTERS_AT_ONCE

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Microseconds of all cores together in each period, and the period."""


@dataclass(frozen=True)
class Slot:
    """Room for one chain; without `devices` it leaves the choice of a device to the stages.

    Chains that have it one after the other share a sampling engine, by its `number`; so do those of slots that have one
    number and the same devices, side by side.
    """

    devices: tuple[str, ...] = ()
    number: int = field(default=0, compare=False)

    def environment(self) -> dict[str, str]:
        return {SLOT: str(self.number)} | ({DEVICES: ",".join(self.devices)} if self.devices else {})


def slots(params: Params, jobs: int | None, devices: Sequence[str] | None) -> list[Slot]:
    """The slots of this machine.

    Args:
        jobs: how many; None: one for each device or group of devices that a chain needs, or without devices as many
            as the cores have room for, at `compute.threads` each. With adapters and vLLM several may share a device,
            up to ADAPTERS_AT_ONCE of them.
        devices: the CUDA devices to use; None: all that are visible, if params.yaml lets stages use them.

    Raises MtpipeError for a device that is not there, fewer devices than one chain needs, or too many jobs for them.
    """
    there = visible_devices() if params.compute.device != "cpu" else []
    if devices is not None:
        missing = [device for device in devices if device not in there]
        if missing:
            why = "; params.yaml has compute.device: cpu" if params.compute.device == "cpu" else ""
            raise MtpipeError(f"--devices names {', '.join(missing)}; here are {', '.join(there) or 'none'}{why}")
        if len(set(devices)) < len(devices):
            raise MtpipeError(f"--devices names a device twice: {','.join(devices)}")
    chosen = list(there if devices is None else devices)
    if not chosen:
        return [Slot(number=number) for number in range(jobs or max(1, cores() // params.compute.threads))]
    each = devices_of_a_chain(params)
    if len(chosen) < each:
        raise MtpipeError(
            f"a chain needs {each} devices (update.processes; sampling.vllm: tensor_parallel_size, data_parallel; "
            f"ray.workers), and here are {len(chosen)}: {', '.join(chosen)}"
        )
    groups = [tuple(chosen[start : start + each]) for start in range(0, len(chosen) - each + 1, each)]
    room = len(groups) * (ADAPTERS_AT_ONCE if _may_share(params) else 1)
    if jobs is not None and jobs > room:
        raise MtpipeError(
            f"--jobs is {jobs}, and {len(chosen)} devices have room for {room} chains of {each}; chains share a device "
            f"where they train adapters (model.lora) and sample with a resident vLLM, up to {ADAPTERS_AT_ONCE} of them"
        )
    return [Slot(groups[job % len(groups)], job % len(groups)) for job in range(jobs or len(groups))]


def _may_share(params: Params) -> bool:
    """Whether chains can take turns on a device, which they do for their resident engine (docs/resident.md)."""
    resident = os.environ.get(RESIDENT) != "0" and home_of(Process.current()) is not None
    with_vllm = params.sampling.engine != "torch" and params.ray.workers is None and find_spec("vllm") is not None
    return resident and with_vllm and params.model.lora is not None


def crowding(params: Params, places: Sequence[Slot]) -> str | None:
    """What to tell if chains have to share cores; None if they have enough."""
    wanted = len(places) * params.compute.threads
    if any(place.devices for place in places) or wanted <= cores():
        return None
    return (
        f"{len(places)} chains of {params.compute.threads} threads (compute.threads) share {cores()} cores, which is "
        f"no faster than --jobs {max(1, cores() // params.compute.threads)}"
    )


def devices_of_a_chain(params: Params) -> int:
    """As many as the stage of a chain that uses most."""
    vllm = params.sampling.vllm.devices if params.sampling.engine != "torch" else 1
    return max(params.update.processes, vllm * (params.ray.workers or 1))


def cores() -> int:
    """Cores that this process may use; in a container that gets the time of fewer (cgroup v2), no more than those."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CPU_QUOTA.read_text(encoding="ascii").split()
        return max(1, min(found, int(quota) // int(period)))
    except (OSError, ValueError):  # there is no such file, or it says `max`
        return found
