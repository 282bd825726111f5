"""What became of a data set's rows: each is kept, or left out for a reason that is counted."""

import hashlib
import json
from collections import Counter
from typing import Any

from mtpipe.tasks.sources import Role

_COUNTED_ONLY = {"duplicate", "outside difficulty", "not chosen"}
"""Reasons that are no fault of a row, and may be millions: counted, but not listed."""


class RowTally:
    """Counts one source's rows; `listed` are those that were left out for a fault, for data/problems/dropped.jsonl."""

    def __init__(self, name: str, role: Role, origin: dict[str, Any]):
        self.name = name
        self.kept = 0
        self.first_prompt = ""
        self.listed: list[dict[str, Any]] = []
        self._role = "training" if role == "train" else "benchmark"
        self._origin = origin
        self._rows = 0
        self._digest = hashlib.sha256()
        self._reasons: Counter[str] = Counter()

    @property
    def digest(self) -> str:
        """Of all rows' problems and answers as loaded, in their order, whatever file they came in."""
        return self._digest.hexdigest()

    def read(self, question: str, answer: str) -> None:
        """One more row was loaded."""
        self._rows += 1
        self._digest.update(json.dumps([question, answer]).encode() + b"\n")

    def drop(self, reason: str, row: int, question: str, answer: str, detail: str = "") -> None:
        """A row is left out."""
        self.count(reason, 1)
        if reason not in _COUNTED_ONLY:
            where = {"source": self.name, "role": self._role, "row": row, "reason": reason, "detail": detail}
            self.listed.append({**where, "answer": answer, "problem": question})

    def keep(self, prompts: list[str]) -> None:
        """The problems that are kept, by their prompts."""
        self.kept, self.first_prompt = len(prompts), next(iter(prompts), "")

    def count(self, reason: str, rows: int) -> None:
        """Rows are left out through no fault of their own."""
        self._reasons[reason] += rows

    def as_dict(self) -> dict[str, Any]:
        """The source's entry in data/problems/sources.json."""
        return {
            "name": self.name,
            "role": self._role,
            **self._origin,
            "digest": self.digest,
            "rows": self._rows,
            "kept": self.kept,
            "dropped": dict(sorted(self._reasons.items())),
            "first_prompt": self.first_prompt,
        }

    def __str__(self) -> str:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self._reasons.items()))
        return f"{self._role} {self.name}: {self.kept} of {self._rows} rows kept" + (f" ({reasons})" if reasons else "")
