import numpy as np
import pytest

from mtpipe.learn.scoring.mismatch_table import LISTED, mismatch_table

LOG_WEIGHT = np.array([0.01, -0.02, 0.3, 0.0])
TEMPERATURES = np.array([1.0, 1.0, 1.2, 1.2])
ENTROPIES = np.array([0.05, 0.2, 2.5, 2.6])


def rows(by, *columns):
    return [row for row in mismatch_table(*columns) if row["by"] == by]


def test_a_hand_worked_table():
    [whole] = rows("all", LOG_WEIGHT, TEMPERATURES, ENTROPIES, np.array([1.0, 0.0, 2.0, 1.0]))
    assert whole["tokens"] == 4
    assert whole["mean"] == pytest.approx(0.33 / 4)
    assert whole["largest"] == pytest.approx(0.3)
    assert (whole["weight"], whole["cut"]) == (1.0, 0.25)
    assert whole["k3"] == pytest.approx(np.mean([np.exp(x) - 1 - x for x in LOG_WEIGHT]))
    cold, hot = rows("heat", LOG_WEIGHT, TEMPERATURES, ENTROPIES)
    assert (cold["tokens"], hot["tokens"]) == (2, 2)
    assert (cold["mean"], hot["mean"]) == pytest.approx((0.015, 0.15))
    assert [row["tokens"] for row in rows("entropy", LOG_WEIGHT, TEMPERATURES, ENTROPIES)] == [1, 1, 2]
    assert rows("entropy", LOG_WEIGHT, TEMPERATURES, ENTROPIES)[-1]["high"] is None


def test_a_response_is_cut_if_all_its_tokens_are_wherever_they_stand():
    weights, response = np.array([0.0, 0.0, 0.0, 1.0]), np.array([0, 1, 0, 1])
    columns = (LOG_WEIGHT, TEMPERATURES, ENTROPIES, weights, response)
    assert rows("all", *columns)[0]["responses_cut"] == 0.5
    assert [row["responses"] for row in rows("entropy", *columns)] == [1, 1, 2]
    cold, hot = rows("heat", *columns)
    assert (cold["responses_cut"], hot["responses_cut"]) == (0.5, 0.5)
    assert [row["responses_cut"] for row in rows("entropy", *columns)] == [1.0, 0.0, 0.5]
    assert rows("all", LOG_WEIGHT, TEMPERATURES, ENTROPIES)[0]["responses_cut"] == 0


def test_tokens_of_one_temperature_are_neither_hot_nor_cold():
    assert rows("heat", LOG_WEIGHT, np.ones(4), ENTROPIES) == []
    assert len(rows("temperature", LOG_WEIGHT, np.ones(4), ENTROPIES)) == 1


@pytest.mark.parametrize("by", ["heat", "temperature", "entropy"])
def test_every_token_is_in_one_group(by):
    generator = np.random.default_rng(0)
    columns = generator.normal(0, 0.01, 999), generator.uniform(0.5, 1.5, 999), generator.exponential(1, 999)
    found = rows(by, *columns)
    assert sum(row["tokens"] for row in found) == 999
    assert sum(row["tokens"] * row["mean"] for row in found) == pytest.approx(999 * rows("all", *columns)[0]["mean"])
    assert len(found) == {"heat": 2, "temperature": LISTED, "entropy": 5}[by]
