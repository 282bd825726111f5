"""Rewritten golds are judged as mathematics says: a sample of each rewriting, and with `-m exhaustive` all of them."""

from collections import Counter

import pytest

from mtpipe.verify.pool import Pool

from .exceptions import EXCEPTIONS
from .golds import BENCHMARKS, all_golds
from .parts import words_in
from .rewriting import TABLE, tidy
from .trial import Case, Count, cases, run, sample, summary
from .value import same

OVERALL, EACH = 0.99, 0.95
"""Shares that have to be judged as expected: of all cases of a kind, and of each rewriting's."""
SAMPLED = 6

AT_HAND = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the golds of ../shared/data are not here")
pytestmark = [pytest.mark.slow, AT_HAND]


@pytest.fixture(scope="module")
def golds() -> Counter[str]:
    return all_golds()


@pytest.fixture(scope="module")
def sampled(golds) -> list[Case]:
    return sample(golds, SAMPLED)


@pytest.fixture(scope="module")
def counts(sampled) -> dict[str, Count]:
    with Pool(processes=2) as pool:
        return run(sampled, pool)


def test_no_rewriting_contradicts_the_parser_of_the_tests(sampled):
    scalars = [case for case in sampled if not case.rewriting.whole and case.rewriting.name not in UNREAD]
    for case in scalars:
        answer = case.rewriting.rewrite(tidy(case.gold)) or ""
        agree = None if words_in(answer) else same(tidy(case.gold), answer)
        assert agree is None or agree is case.rewriting.keeps, case


UNREAD = {"plain text of a formula", "scientific with a capital e"}
"""The parser of the tests knows LaTeX alone: it would read `pi` as two letters and `2e5` as a product."""


def test_every_rewriting_applies_somewhere(sampled):
    applied = {case.rewriting.name for case in sampled}
    assert set(TABLE) - applied <= NOWHERE


NOWHERE = {"dots spelled otherwise", "logarithm as a quotient"}
"""Rewritings for golds that the files at hand do not have."""


@pytest.mark.parametrize("keeps", [True, False], ids=["keep the meaning", "change the meaning"])
def test_a_sample_of_rewritten_golds_is_judged_as_mathematics_says(counts, keeps):
    total = summary(counts, keeps=keeps)
    assert total.share >= OVERALL, told(total)


def told(count: Count) -> str:
    lines = [f"{case.rewriting.name}: {case.gold!r} / {case.response!r}: {verdict}" for case, verdict in count.failures]
    return f"{count.tried} tried, {len(lines)} not as expected\n" + "\n".join(lines[:60])


@pytest.mark.exhaustive
def test_all_rewritten_golds_are_judged_as_mathematics_says(golds):
    with Pool(processes=2) as pool:
        counts = run(list(cases(golds)), pool)
    for keeps in (True, False):
        total = summary(counts, keeps=keeps)
        assert total.share >= OVERALL, told(total)
    for name, count in counts.items():
        assert count.share >= EACH, f"{name}: {told(count)}"
    listed = {(name, gold) for name, gold in EXCEPTIONS}
    assert sum(count.excepted for count in counts.values()) == len(listed), "an exception is none any more"
