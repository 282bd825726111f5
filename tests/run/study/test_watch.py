"""How long a part still takes, as a person is told."""

import time

import pytest

from mtpipe.run.study.part import Progress
from mtpipe.run.study.watch import Pace

STAGES = ["rollout@a-round0", "update@a-round0", "rollout@a-round1", "update@a-round1"]


@pytest.fixture
def pace():
    pace = Pace()
    pace.learn(Progress("shared", [], ran={"plan": 1.0}))
    return pace


def test_what_has_never_run_is_given_no_time(pace):
    """The warm start takes minutes, and seconds would be told from `plan`."""
    assert pace.left(Progress("shared", ["warm_start"], stage="warm_start", since=time.time())) is None
    assert pace.left(Progress("a", STAGES, stage=STAGES[0], since=time.time())) is None


def test_the_time_left_is_that_of_the_stages_of_each_kind(pace):
    ran = {"rollout@b-round0": 4.0, "rollout@b-round1": 6.0, "update@b-round0": 20.0}
    pace.learn(Progress("b", [], ran=ran))
    assert pace.left(Progress("a", STAGES, stage=STAGES[0], since=time.time())) == pytest.approx(50, abs=0.5)
    later = Progress("a", STAGES, stage=STAGES[2], done=2, since=time.time() - 3)
    assert pace.left(later) == pytest.approx(22, abs=0.5)
    late = Progress("a", STAGES, stage=STAGES[3], done=3, since=time.time() - 100)
    assert pace.left(late) == 0
