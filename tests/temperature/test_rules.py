"""What holds for every rule of the table, and what makes each one itself."""

from collections import deque
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from rule_examples import EXAMPLES

from mtpipe.temperature.apply import RowTemperatures, RuleContext
from mtpipe.temperature.rules import RULES, rule_class
from mtpipe.temperature.rules.rule import NextTokens, ResolvedRule

TO_UNIFORM = {
    "uniform": {},
    "entropy_threshold": {"high": 0.9},
    "entropy_window": {"high": 0.9},
    "entropy_linear": {"high": 0.9},
    "entropy_sigmoid": {"high": 0.9},
    "random_share": {"high": 0.9},
    "edt": {"theta": 0},
    "adapt": {"high": 0.6},
    "annealed": {"decay": 1e8},
    "reverse_annealed": {"floor": 1e8},
}
"""What takes each of the examples to one temperature, its base."""

BASES, ENTROPIES, POSITIONS = st.floats(0.5, 2.0), st.floats(0, 12, width=32), st.integers(0, 50_000)
TOKENS = st.lists(st.tuples(ENTROPIES, POSITIONS, st.integers(0, 1)), min_size=1, max_size=12)
COMMA = 1
INDEPENDENT = [kind for kind in RULES if not RULES[kind].resolved.batch_dependent]
SURROUNDINGS = RuleContext(lambda line_end: torch.tensor([False, True]))
every_rule = pytest.mark.parametrize("kind", RULES)
few = settings(max_examples=25)


def resolved(kind: str, base: float | None = None, round: int = 0, **changed) -> ResolvedRule:
    rule = RULES[kind].model_validate({"kind": kind, **EXAMPLES[kind], **changed})
    return rule.resolve(rule.default_base() if base is None else base, round)


def temperatures(rules: list[ResolvedRule], tokens: list[tuple[float, int, int]]) -> list[float]:
    """Of tokens given by entropy, position and the token before, which ends a line if it is a comma."""
    entropies, positions, previous = zip(*tokens, strict=True)
    rows = RowTemperatures(rules, rule_context=RuleContext(SURROUNDINGS.line_ends))
    at = torch.tensor(positions)
    return rows.at(torch.tensor(entropies), at, torch.tensor(previous), uniforms(at)).tolist()


def uniforms(positions: torch.Tensor) -> torch.Tensor:
    """Any numbers in [0, 1) of the tokens' own."""
    return positions.double() * 0.6180339887 % 1


def test_the_examples_are_those_of_the_whole_table():
    assert EXAMPLES.keys() == TO_UNIFORM.keys() == RULES.keys()


@every_rule
@few
@given(BASES, st.integers(0, 500), TOKENS)
def test_no_temperature_leaves_the_rules_span(kind, base, round, tokens):
    rule = resolved(kind, base, round)
    low, high = rule.span()
    assert 0 < low <= high
    assert all(low * (1 - 1e-6) <= found <= high * (1 + 1e-6) for found in temperatures([rule] * len(tokens), tokens))


@pytest.mark.slow
@every_rule
@few
@given(BASES, BASES, TOKENS)
def test_a_higher_base_never_makes_a_token_colder(kind, one, other, tokens):
    cold, hot = (
        temperatures([resolved(kind, base)] * len(tokens), tokens) for base in (min(one, other), max(one, other))
    )
    assert all(a <= b + 1e-6 for a, b in zip(cold, hot, strict=True))


@every_rule
@few
@given(TOKENS)
def test_every_rule_becomes_uniform_in_its_limit(kind, tokens):
    base = RULES[kind].model_validate({"kind": kind, **EXAMPLES[kind]}).default_base()
    rule = resolved(kind, **TO_UNIFORM[kind])
    assert temperatures([rule] * len(tokens), tokens) == pytest.approx([base] * len(tokens), abs=1e-3)


@few
@given(st.lists(st.tuples(st.sampled_from(INDEPENDENT), BASES, TOKENS.map(lambda t: t[0])), min_size=2, max_size=9))
def test_a_token_depends_on_no_other_row_of_whatever_kind(rows):
    rules, tokens = [resolved(kind, base) for kind, base, _ in rows], [token for _, _, token in rows]
    alone = [temperatures([rule], [token])[0] for rule, token in zip(rules, tokens, strict=True)]
    assert temperatures(rules, tokens) == pytest.approx(alone, rel=1e-6)
    assert temperatures(rules[::-1], tokens[::-1]) == pytest.approx(alone[::-1], rel=1e-6)


@every_rule
@few
@given(BASES, TOKENS)
def test_pictures_in_numpy_show_what_torch_samples_with(kind, base, tokens):
    rule = resolved(kind, base)
    if rule.depends_on is None:
        return
    entropies, positions, _ = zip(*tokens, strict=True)
    numbers = {name: np.full(len(tokens), value) for name, value in rule.numbers.items()}
    drawn = rule.at(numbers, NextTokens(np.array(entropies), np.array(positions)))
    assert drawn == pytest.approx(temperatures([rule] * len(tokens), tokens), abs=1e-4)


@pytest.mark.parametrize("kind", [kind for kind in RULES if RULES[kind].resolved.depends_on == "entropy"])
@few
@given(st.lists(ENTROPIES, min_size=2, max_size=20))
def test_rules_of_entropy_are_hotter_where_the_model_is_less_sure(kind, entropies):
    found = temperatures([resolved(kind)] * len(entropies), [(value, 0, 0) for value in sorted(entropies)])
    assert all(a <= b + 1e-6 for a, b in pairwise(found))


@few
@given(st.lists(POSITIONS, min_size=2, max_size=20), st.integers(0, 30))
def test_annealing_cools_along_a_response_and_its_reverse_warms(positions, round):
    tokens = [(0.0, position, 0) for position in sorted(positions)]
    cooling, warming = (
        temperatures([resolved(kind, round=round)] * len(tokens), tokens) for kind in ("annealed", "reverse_annealed")
    )
    assert cooling == sorted(cooling, reverse=True)
    assert warming == sorted(warming)


@few
@given(
    st.lists(st.tuples(st.sampled_from(INDEPENDENT), BASES, TOKENS.map(lambda t: t[0])), min_size=2, max_size=9),
    st.data(),
)
def test_rows_that_stay_in_a_batch_keep_their_rules(rows, data):
    kept = data.draw(st.lists(st.sampled_from(range(len(rows))), unique=True, min_size=1))
    columns = zip(*(token for _, _, token in rows), strict=True)
    entropies, positions, previous = (torch.tensor(values) for values in columns)
    whole = RowTemperatures([resolved(kind, base) for kind, base, _ in rows], rule_context=SURROUNDINGS)
    index = torch.tensor(kept)
    smaller = whole.keep(index).keep(torch.arange(len(kept)))
    numbers = uniforms(positions)
    found = smaller.at(entropies[index], positions[index], previous[index], numbers[index])
    torch.testing.assert_close(found, whole.at(entropies, positions, previous, numbers)[index], rtol=1e-6, atol=0)


def test_edt_is_the_papers_formula():
    rule = resolved("edt", 0.9, theta=0.3, n=0.8, floor=0.01)
    assert temperatures([rule], [(0.5, 0, 0)]) == pytest.approx([0.9 * 0.8 ** (0.3 / 0.5)])


def test_annealing_is_the_papers_formula_and_its_decay_grows_by_round():
    paper = {"kind": "annealed"}
    rule = RULES["annealed"].model_validate(paper).resolve(1.2, 3)
    expected = [1.0, 1.0, max(2.2 - np.exp(10 / 40), 0.1), max(2.2 - np.exp(20 / 40), 0.1), 0.1]
    found = temperatures([rule] * 5, [(0.0, position, 0) for position in (0, 9, 10, 20, 100)])
    assert found == pytest.approx(expected, abs=1e-6)
    assert RULES["annealed"].model_validate(paper).resolve(1.2, 10**6).decay == 40000


def test_a_line_starts_with_the_response_and_after_its_end():
    rule = resolved("adapt")
    found = temperatures([rule] * 4, [(0.0, 0, 0), (0.0, 0, COMMA), (0.0, 5, COMMA), (0.0, 5, 0)])
    assert found == pytest.approx([0.8, 0.8, 0.8, 0.6])


def test_the_sliding_window_is_that_of_the_authors_code():
    """The last 7 entropies, those of the step included, against a deque; it goes on from batch to batch."""
    rule, rule_context, remembered = resolved("entropy_window"), RuleContext(), deque(maxlen=7)
    generator = np.random.default_rng(0)
    for size in (3, 3, 2, 5, 1):
        entropies = generator.exponential(size=size).astype(np.float32)
        remembered.extend(entropies)
        expected = np.where(entropies >= np.quantile(remembered, 0.75), 1.3, 0.9)
        rows = RowTemperatures([rule] * size, rule_context=rule_context)
        assert rows.at(torch.tensor(entropies), torch.zeros(size)).tolist() == pytest.approx(expected.tolist())


def test_the_sliding_window_is_marked_because_a_batch_changes_it():
    tokens = [(0.1, 0, 0), (0.2, 0, 0), (0.3, 0, 0), (3.0, 0, 0)]
    together = temperatures([resolved("entropy_window")] * 4, tokens)
    alone = [temperatures([resolved("entropy_window")], [token])[0] for token in tokens]
    assert together != alone
    assert [kind for kind in RULES if RULES[kind].resolved.batch_dependent] == ["entropy_window"]


def test_ramps_are_their_formulas():
    entropies = [0.0, 0.2, 0.5, 0.85, 1.5, 3.0]
    tokens = [(entropy, 0, 0) for entropy in entropies]
    shares = np.clip((np.array(entropies) - 0.2) / 1.3, 0, 1)
    assert temperatures([resolved("entropy_linear")] * 6, tokens) == pytest.approx(list(0.9 + 0.4 * shares))
    shares = 1 / (1 + np.exp(-(np.array(entropies) - 0.6) / 0.2))
    assert temperatures([resolved("entropy_sigmoid")] * 6, tokens) == pytest.approx(list(0.9 + 0.4 * shares))


def test_a_random_share_goes_by_the_tokens_own_number_and_by_nothing_else():
    numbers = torch.tensor([0.0, 0.2499, 0.25, 0.999], dtype=torch.float64)
    rows = RowTemperatures([resolved("random_share")] * 4)
    for entropies, positions in ((torch.zeros(4), torch.zeros(4)), (torch.rand(4), torch.arange(4))):
        assert rows.at(entropies, positions, None, numbers).tolist() == pytest.approx([1.3, 1.3, 0.9, 0.9])
    with pytest.raises(ValueError, match="a random rule needs a random number"):
        rows.at(torch.zeros(4), torch.zeros(4))


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.9), (1.0, 1.3)])
def test_a_share_of_none_or_all_heats_none_or_all(share, expected):
    numbers = torch.tensor([0.0, 0.5, 1 - 2.0**-53], dtype=torch.float64)
    rows = RowTemperatures([resolved("random_share", share=share)] * 3)
    assert rows.at(torch.zeros(3), torch.zeros(3), None, numbers).tolist() == pytest.approx([expected] * 3)


def test_a_ramp_between_two_quantiles_that_are_one_entropy_is_a_step():
    rule = resolved("entropy_linear", cold_until={"nats": 0.5}, hot_from={"nats": 0.5})
    assert temperatures([rule] * 2, [(0.49, 0, 0), (0.51, 0, 0)]) == pytest.approx([0.9, 1.3])


def test_a_ramp_that_would_end_before_it_starts_is_refused():
    with pytest.raises(ValidationError, match=r"cold_until \(0\.9 quantile\) has to be at most hot_from"):
        resolved("entropy_linear", cold_until={"quantile": 0.9}, hot_from={"quantile": 0.8})


@pytest.mark.parametrize("found", [{"kind": "hot"}, {}, "uniform", {"kind": 3}])
def test_an_unknown_kind_lists_the_known_ones(found):
    with pytest.raises(ValueError, match="one of uniform, entropy_threshold, entropy_window"):
        rule_class(found)
