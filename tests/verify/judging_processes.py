"""What the tests of judging processes give them, and who they are."""

from pathlib import Path

from mtpipe.verify.pool import Pool, Undecided
from mtpipe.verify.reader.read import read, readings


def comparison(gold: str, answer: str) -> Undecided:
    return Undecided(((read(gold), tuple(readings(answer, read(gold)))),))


EQUAL, UNEQUAL = comparison(r"\sqrt{8}", r"2\sqrt{2}"), comparison(r"\sqrt{8}", r"2\sqrt{3}")


def judges(pool: Pool) -> list[int]:
    return [judge for process in pool.process_ids() for judge in children_of(process)]


def children_of(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
