import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mtpipe.temperature.schedule import Constant, Linear, Piecewise, Staircase

TEMPERATURES = st.floats(0.1, 3.0)


def test_a_constant_stays():
    assert [Constant(kind="constant", value=0.8).at(round) for round in (0, 7, 400)] == [0.8, 0.8, 0.8]


def test_the_linear_rise_of_the_authors_reaches_its_end_and_stays_there():
    schedule = Linear(kind="linear", start=1.0, end=1.7, over=400)
    assert schedule.at(0) == 1.0
    assert schedule.at(200) == pytest.approx(1.35)
    assert schedule.at(400) == schedule.at(1000) == 1.7


def test_the_staircase_of_the_authors_steps_every_fifty_rounds():
    schedule = Staircase(kind="staircase", start=1.0, increment=0.1, every=50)
    assert [schedule.at(round) for round in (0, 49)] == [1.0, 1.0]
    assert [schedule.at(round) for round in (50, 99, 100)] == pytest.approx([1.1, 1.1, 1.2])


def test_piecewise_goes_straight_between_its_points_and_ends_with_them():
    schedule = Piecewise(kind="piecewise", points=[(0, 1.0), (2, 1.4), (3, 0.9)])
    assert [schedule.at(round) for round in range(4)] == pytest.approx([1.0, 1.2, 1.4, 0.9])
    with pytest.raises(ValueError, match="do not cover round 4"):
        schedule.at(4)


@pytest.mark.parametrize("points", [[(1, 1.0)], [(0, 1.0), (2, 1.0), (2, 1.1)], [(0, 1.0), (3, 1.0), (1, 1.0)], []])
def test_points_that_do_not_ascend_from_round_zero_are_refused(points):
    with pytest.raises(ValidationError):
        Piecewise(kind="piecewise", points=points)


@given(TEMPERATURES, TEMPERATURES, st.integers(1, 50), st.integers(0, 200))
def test_a_linear_schedule_never_leaves_its_ends(start, end, over, round):
    value = Linear(kind="linear", start=start, end=end, over=over).at(round)
    assert min(start, end) - 1e-12 <= value <= max(start, end) + 1e-12


@given(st.lists(TEMPERATURES, min_size=1, max_size=8))
def test_piecewise_passes_through_every_point(values):
    schedule = Piecewise(kind="piecewise", points=list(enumerate(values)))
    assert [schedule.at(round) for round in range(len(values))] == values
