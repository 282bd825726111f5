"""The golds of the benchmarks at hand, as the pipeline finds them."""

import json
from collections import Counter
from pathlib import Path

from mtpipe.tasks.catalogue import find_shape
from mtpipe.tasks.golds import find_golds

BENCHMARKS = Path(__file__).parents[4] / "shared" / "data" / "benchmarks"


def all_golds() -> Counter[str]:
    """Each different gold with how many problems have it; problems with no gold, or with several, are left out."""
    golds: Counter[str] = Counter()
    for file in sorted(BENCHMARKS.glob("*.jsonl")):
        with file.open() as lines:
            rows = [json.loads(line) for line in lines]
        shape = find_shape(None, None, rows[0], file.name)
        for row in rows:
            try:
                found = find_golds(row, shape)
            except ValueError:
                continue
            if len(found.texts) == 1:
                golds[found.texts[0]] += 1
    return golds
