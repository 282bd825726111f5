"""Whose turn a device is: of stages that sample, several of them together, or of one that has it to itself.

Chains that train adapters of one base may share a GPU and its resident engine. Their stages sample together. An update
needs the memory that the engine gives back when it sleeps, so it waits for those that sample, and whoever comes after
it waits for the update. For then the others' updates run one after the other while nobody samples, and all chains
sample together again: in a simulation of four chains of which each samples 60 s, is judged 5 s and updates 60 s, 3.7 of
them on average, as many as if each had waited for all the others; where those that sample go first, 1.0.

The locks are the kernel's, so a killed stage holds none.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mtpipe.devices import is_rank
from mtpipe.owner import EngineHome, engine_home
from mtpipe.sampling.resident.reaching import give_back_device

_SECONDS_BETWEEN_LOOKS = 0.1


@contextmanager
def sampling_turn(home: EngineHome) -> Iterator[None]:
    """Holds the device of a home's engines with other stages that sample."""
    with open(home.in_use, "a") as in_use, open(home.wanted, "a") as wanted:
        while True:
            fcntl.flock(in_use, fcntl.LOCK_SH)
            try:
                fcntl.flock(wanted, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                fcntl.flock(in_use, fcntl.LOCK_UN)
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        fcntl.flock(wanted, fcntl.LOCK_UN)
        yield


@contextmanager
def device_alone() -> Iterator[None]:
    """Has this stage's device to itself, with what its resident engines held of it given back.

    The processes that torchrun starts for a stage have the stage's turn.
    """
    if is_rank():
        yield
        return
    home = engine_home()
    if home is None:
        give_back_device()
        yield
        return
    with open(home.in_use, "a") as in_use:
        with open(home.wanted, "a") as wanted:
            fcntl.flock(wanted, fcntl.LOCK_SH)
            fcntl.flock(in_use, fcntl.LOCK_EX)
        give_back_device()
        yield
