import numpy as np
import pytest

from mtpipe.errors import MtpipeError
from mtpipe.sampling.drawing.randomness import response_uniform, rule_uniforms, token_uniforms
from mtpipe.sampling.rounds import draw_problems

PROBLEMS = [{"problem_id": str(index)} for index in range(10)]


def test_a_tokens_number_does_not_depend_on_how_many_are_drawn():
    assert (token_uniforms(1, "round 0", "p", 0, 5) == token_uniforms(1, "round 0", "p", 0, 500)[:5]).all()


def test_every_part_of_the_identity_matters():
    identities = [(1, "round 0", "p", 0), (2, "round 0", "p", 0), (1, "round 1", "p", 0), (1, "round 0", "q", 0)]
    identities += [(1, "round 0", "p", 1), (11, "round 0", "p", 0), (1, "round 0", "p1", 0), (1, "round 01", "p", 0)]
    first = {token_uniforms(*identity, 1)[0] for identity in identities}
    assert len(first) == len(identities)


def test_a_responses_own_number_is_none_of_its_tokens():
    own = [response_uniform(0, "round 0", str(problem), 0) for problem in range(200)]
    assert not set(own) & {number for p in range(200) for number in token_uniforms(0, "round 0", str(p), 0, 20)}
    assert len(set(own)) == 200
    assert 0.4 < sum(own) / 200 < 0.6


def test_a_random_rules_numbers_are_independent_of_those_that_the_tokens_are_drawn_with():
    of_rule, of_draw = (
        np.concatenate([numbers(0, "round 0", str(problem), 0, 100) for problem in range(200)])
        for numbers in (rule_uniforms, token_uniforms)
    )
    assert not set(of_rule) & set(of_draw)
    table = np.histogram2d(of_rule, of_draw, bins=10, range=[[0, 1], [0, 1]])[0]
    statistic = ((table - 200) ** 2 / 200).sum()
    assert statistic < 160, "chi-square of 99 degrees of freedom: 99 in the mean, 160 once in 10 000"


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_the_share_of_tokens_that_a_random_rule_heats_lies_in_its_binomial_interval(share):
    numbers = np.concatenate([rule_uniforms(3, "round 1", str(problem), 2, 100) for problem in range(500)])
    error = (share * (1 - share) / len(numbers)) ** 0.5
    assert abs((numbers < share).mean() - share) < 3.9 * error


def test_the_numbers_are_uniform():
    drawn = np.concatenate([token_uniforms(0, "round 0", str(problem), 0, 50) for problem in range(200)])
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert abs(drawn.mean() - 0.5) < 0.02
    assert abs(drawn.var() - 1 / 12) < 0.005


def test_an_epoch_draws_every_problem_once_before_any_again():
    drawn = [problem["problem_id"] for round in range(4) for problem in draw_problems(PROBLEMS, 1, round, 5)]
    assert len(set(drawn[:10])) == len(set(drawn[10:])) == 10
    assert drawn[:10] != drawn[10:]


def test_no_round_draws_a_problem_twice_also_where_rounds_do_not_divide_the_problems():
    for round in range(6):
        assert len({problem["problem_id"] for problem in draw_problems(PROBLEMS, 1, round, 7)}) == 7


def test_more_prompts_than_problems_are_refused():
    with pytest.raises(MtpipeError, match=r"may draw 11 problems .* there are 10"):
        draw_problems(PROBLEMS, 1, 0, 11)


def test_another_seed_draws_other_problems():
    assert draw_problems(PROBLEMS, 4, 4, 7) != draw_problems(PROBLEMS, 3, 4, 7)
