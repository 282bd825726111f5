"""What a refilled round draws, from verdicts that are given beforehand."""

from collections.abc import Iterator

from builders import rollout
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.records import Rollout
from mtpipe.sampling.refill import sample_until_differing

GROUP = 3


class Round:
    """An engine and a judge for which the groups of some problems differ; responses end in an order of their own."""

    def __init__(self, differing: list[bool], shift: int = 0) -> None:
        self.problems = [{"problem_id": f"p{n:02}"} for n in range(len(differing))]
        self._differing = dict(zip((one["problem_id"] for one in self.problems), differing, strict=True))
        self._shift = shift
        self.passes: list[list[str]] = []
        self.judged: list[str] = []

    def sample(self, problems: list[dict]) -> Iterator[Rollout]:
        self.passes.append([one["problem_id"] for one in problems])
        pairs = [(name, sample) for sample in range(GROUP) for name in self.passes[-1]]
        turn = self._shift % len(pairs)
        yield from (rollout([2], problem_id=name, sample=n, text="said") for name, n in pairs[turn:] + pairs[:turn])

    def judge(self, problems: list[dict], rollouts: list[Rollout]) -> list[dict]:
        assert {one.problem_id for one in rollouts} == {one["problem_id"] for one in problems}
        assert all(one.text == "said" for one in rollouts)
        self.judged += sorted({one.problem_id for one in rollouts})
        right = [self._differing[one.problem_id] and one.sample == 1 for one in rollouts]
        return [
            {"problem_id": one.problem_id, "sample": one.sample, "reward": float(good), "masked": False}
            for one, good in zip(rollouts, right, strict=True)
        ]

    def drawn(self, count: int) -> list[str]:
        found = list(sample_until_differing(self.problems, count, self.sample, self.judge))
        assert len(found) == len({(one.problem_id, one.sample) for one in found}) == GROUP * sum(map(len, self.passes))
        return [name for names in self.passes for name in names]


@given(st.integers(1, 8), st.integers(1, 4), st.data())
def test_a_round_draws_a_beginning_of_its_problems_with_enough_groups_that_differ(count, at_most, data):
    size = count * at_most
    differing = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    round = Round(differing)
    drawn = round.drawn(count)
    assert drawn == [one["problem_id"] for one in round.problems[: len(drawn)]]
    found = sum(differing[: len(drawn)])
    assert found >= count or len(drawn) == len(differing)
    before = len(drawn) - len(round.passes[-1])
    assert len(round.passes) == 1 or sum(differing[:before]) < count, "the last pass was asked for in vain"
    assert len(round.passes[0]) == count
    assert drawn == Round(differing, data.draw(st.integers(1, 50))).drawn(count), "the order in which responses end"


def test_a_pass_asks_for_what_is_missing_at_the_rounds_own_rate():
    half = [True, False] * 12
    round = Round(half)
    round.drawn(8)
    assert [len(names) for names in round.passes] == [8, 8]
    round = Round([False] * 8 + [True, False] * 8)
    round.drawn(8)
    assert [len(names) for names in round.passes] == [8, 8, 8], "of groups that never differed as many as in the first"
    assert round.judged == [f"p{n:02}" for n in range(16)], "after the last pass there is nothing left to decide"


def test_without_a_judge_there_is_one_pass():
    round = Round([False] * 12)
    assert len(list(sample_until_differing(round.problems, 4, round.sample, None))) == 4 * GROUP
