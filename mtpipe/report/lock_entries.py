"""Which entries of a dvc.lock belong together: those that were made from what its other entries left.

After a run of some chains alone, or an edit, the lock still has entries of earlier settings for the others. They name
the same files and are told apart by what they were made from.
"""

import re
from collections import defaultdict

_STAGE = re.compile(r"  (\S.*):")
_PATH = re.compile(r"    - path: (.+)")
_HASH = re.compile(r"      md5: (\S+)")


class LockEntries:
    """What each stage of a dvc.lock read and wrote, by path with its hash; read by lines, as DVC writes them."""

    def __init__(self, text: str) -> None:
        self._reads: dict[str, dict[str, str]] = defaultdict(dict)
        self._written: dict[str, str] = {}
        self._maker: dict[str, str] = {}
        self._current: dict[str, bool] = {}
        stage, section, path = "", "", ""
        for line in text.splitlines():
            if found := _STAGE.fullmatch(line):
                stage = found[1]
            elif line in ("    deps:", "    outs:"):
                section = line.strip()
            elif found := _PATH.fullmatch(line):
                path = found[1]
            elif (found := _HASH.fullmatch(line)) and section == "deps:":
                self._reads[stage][path] = found[1]
            elif found and section == "outs:":
                self._written[path], self._maker[path] = found[1], stage

    def is_current(self, path: str) -> bool:
        """Whether a file was made from what the lock's other entries left, and those likewise."""
        stage = self._maker[path]
        if stage not in self._current:
            self._current[stage] = True  # while what it read is looked at
            self._current[stage] = all(
                hash == self._written.get(read, hash) and (read not in self._maker or self.is_current(read))
                for read, hash in self._reads[stage].items()
            )
        return self._current[stage]
