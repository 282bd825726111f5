"""How arms are told apart in the report's pictures."""

from types import SimpleNamespace

import numpy as np
import pytest

from mtpipe.report.curves import by_round
from mtpipe.report.svg import WARM_START_LOOK, key, look


def test_no_two_of_36_arms_share_colour_and_marker_or_colour_and_dash():
    looks = [look(index) for index in range(36)]
    assert len({(one.colour, one.marker) for one in looks}) == 36
    assert len({(one.colour, one.dash) for one in looks}) == 36
    assert len({look(index) for index in range(72)}) == 72


def test_the_legend_draws_colour_marker_and_dash():
    looks = [*(look(index) for index in range(36)), WARM_START_LOOK]
    assert len({key(one) for one in looks}) == 37
    assert "stroke-dasharray" not in key(look(0))
    assert 'stroke-dasharray="5 2"' in key(look(6))


@pytest.mark.parametrize(("arms", "bands"), [(8, 8), (9, 0)])
def test_more_than_eight_arms_have_no_bands_and_the_caption_says_so(arms, bands):
    study = SimpleNamespace(
        params=SimpleNamespace(
            arms=[f"arm{number}" for number in range(arms)],
            seeds=[1, 2],
            rounds=[SimpleNamespace(n=0), SimpleNamespace(n=1)],
        ),
        by_round=lambda arm, key: np.array([[0.1, 0.2], [0.3, 0.5]]),
    )
    picture = by_round(study, "reward", "mean reward", "Reward")
    assert picture.svg.count("FillBetweenPolyCollection") == bands
    assert ("no bands" in picture.caption) == (bands == 0)
