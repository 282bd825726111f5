"""Arms compared after as many sampled tokens, where the report's other tables compare them after as many rounds.

A temperature that makes responses longer buys its difference with tokens. Here two arms are compared, seed by seed, at
the smaller of their two totals: the arm that sampled fewer tokens as it ended, the other on the straight line between
the two evaluated policies around that number. Policy 0, the warm start, has sampled none.
"""

import numpy as np
from numpy.typing import NDArray

from mtpipe.report.collect import Study


def sampled_tokens(study: Study, arm: str) -> NDArray[np.float64]:
    """The tokens that each evaluated policy's rollouts had until then: [policies, seeds], policy 0 first."""
    rounds = study.params.rounds
    spent = study.by_round(arm, "tokens")
    until = [[round.next <= after for round in rounds] for after in (0, *study.params.evaluate.after)]
    return np.array([spent[chosen].sum(axis=0) for chosen in until])


def at_tokens(
    curve: NDArray[np.float64], tokens: NDArray[np.float64], budget: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each seed's shares of correct responses by problem, after `budget` tokens: [seeds, problems].

    Args:
        curve: the shares of each evaluated policy, [policies, seeds, problems].
        tokens: what they had sampled, [policies, seeds], rising; budget: [seeds], between the first and the last.
    """
    found = []
    for seed, limit in enumerate(budget):
        behind = int(np.searchsorted(tokens[1:-1, seed], limit))
        start, end = tokens[behind : behind + 2, seed]
        part = (limit - start) / (end - start)
        found.append((1 - part) * curve[behind, seed] + part * curve[behind + 1, seed])
    return np.array(found)


def difference_at_equal_tokens(
    study: Study, arm: str, other: str, curves: dict[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """`arm` minus `other`, [seeds, problems]; `curves` by arm as in `at_tokens`."""
    tokens = {name: sampled_tokens(study, name) for name in (arm, other)}
    budget = np.minimum(tokens[arm][-1], tokens[other][-1])
    return at_tokens(curves[arm], tokens[arm], budget) - at_tokens(curves[other], tokens[other], budget)
