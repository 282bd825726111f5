"""Where an update keeps its last step, so that a killed one goes on from there.

The folder is untracked and lies outside every output, because DVC deletes outputs before it runs a stage again.
"""

import hashlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from mtpipe.digests import file_sha256
from mtpipe.files import atomic, read_json, write_json
from mtpipe.learn.state.checkpoint import checkpoint, load_weights, saved_weights
from mtpipe.learn.state.learner import Learner

SECONDS_BETWEEN_SAVES = 120.0
"""A kill loses at most about this much work; an update that takes less never saves."""

_STATE = "state.json"
_OPTIMIZER = "optimizer.safetensors"


class ResumePoint:
    """The last saved step of one update.

    A save belongs to one fingerprint of the inputs and to nothing else: it is ignored, and removed, where that
    differs. The fingerprint is only computed when there is something to compare or to save.
    """

    def __init__(
        self, folder: Path, fingerprint: Callable[[], str], tokenizer_from: Path, seconds: float = SECONDS_BETWEEN_SAVES
    ):
        self._folder = folder
        self._fingerprint = fingerprint
        self._tokenizer_from = tokenizer_from
        self._seconds = seconds
        self._saved_at = time.monotonic()

    def resume(self, learner: Learner) -> list[dict[str, float]]:
        """Takes up the saved step in place and returns the metrics of all steps so far; none where nothing fits.

        Processes that share the update call this together.
        """
        if not learner.ranks.agree(learner.ranks.first and self._fits()):
            return []
        load_weights(learner, saved_weights(self._folder))
        learner.optimizer.load(self._folder / _OPTIMIZER)
        return read_json(self._folder / _STATE)["metrics"]

    def _fits(self) -> bool:
        """Whether there is a save of these inputs; one of others is removed."""
        if not (self._folder / _STATE).is_file():
            return False
        if read_json(self._folder / _STATE)["fingerprint"] == self._fingerprint():
            return True
        self.remove()
        return False

    def save(self, learner: Learner, metrics: list[dict[str, float]]) -> None:
        """Keeps the present step, unless the last save is recent; processes that share it call this together."""
        if not learner.ranks.agree(time.monotonic() - self._saved_at >= self._seconds):
            return
        if saved := checkpoint(learner):
            with atomic(self._folder) as folder:
                saved.write(folder, self._tokenizer_from)
                saved.write_state(folder / _OPTIMIZER)
                write_json(folder / _STATE, {"fingerprint": self._fingerprint(), "metrics": metrics})
        self._saved_at = time.monotonic()

    def remove(self) -> None:
        """Frees the space; once the update's outputs are in place."""
        shutil.rmtree(self._folder, ignore_errors=True)


def fingerprint(files: list[Path]) -> str:
    """A digest of files, and of folders with all their files."""
    digest = hashlib.sha256()
    for path in files:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(str(file).encode())
                digest.update(bytes.fromhex(file_sha256(file)))
    return digest.hexdigest()
