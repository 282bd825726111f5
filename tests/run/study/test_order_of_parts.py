"""The order in which parts run, with parts that end at once."""

from mtpipe.run.study.pool import run_parts
from mtpipe.run.study.slots import Slot


class Ended:
    def has_ended(self):
        return True

    def kill(self):
        pass


def order(chains: int, slots: int) -> list[str]:
    began = []

    def start(part, slot):
        began.append(part)
        return Ended()

    names = [f"c{index}" for index in range(chains)]
    run_parts(
        names, [Slot()] * slots, start, lambda: None, lambda part: [part.replace("c", "after")] if "c" in part else []
    )
    return began


def test_what_a_part_makes_way_for_is_next_or_last_if_there_are_no_more_left_than_slots():
    assert order(5, 1) == ["c0", "after0", "c1", "after1", "c2", "after2", "c3", "c4", "after3", "after4"]
    assert order(3, 2) == ["c0", "c1", "c2", "after0", "after1", "after2"]
