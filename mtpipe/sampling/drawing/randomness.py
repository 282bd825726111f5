"""Random numbers of each token, as a pure function of the token's identity."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def token_uniforms(seed: int, purpose: str, problem_id: str, sample: int, positions: int) -> NDArray[np.float64]:
    """The random numbers in [0, 1) of one response's tokens at positions 0 … positions-1.

    A counter-based generator (Philox) keyed by the response's identity: no number depends on batch size, order,
    process or on how many others were drawn, and arms with equal seeds share their numbers.

    Args:
        purpose: what is sampled, "round 3" say; part of the identity.
    """
    return _generator(seed, purpose, problem_id, sample).random(positions)


def rule_uniforms(seed: int, purpose: str, problem_id: str, sample: int, positions: int) -> NDArray[np.float64]:
    """The same for random token rules: numbers of another stream, independent of those that the tokens are drawn with.

    A rule that looked at the number of the draw would choose tokens by what is drawn: a low number stands for the
    first tokens of the vocabulary.
    """
    return _generator(seed, f"{purpose}\x1frule", problem_id, sample).random(positions)


def response_uniform(seed: int, purpose: str, problem_id: str, sample: int) -> float:
    """The random number in [0, 1) of a response as a whole, apart from those of its tokens."""
    return float(_generator(seed, f"{purpose}\x1fresponse", problem_id, sample).random())


def _generator(seed: int, purpose: str, problem_id: str, sample: int) -> np.random.Generator:
    identity = f"{seed}\x1f{purpose}\x1f{problem_id}\x1f{sample}".encode()
    key = int.from_bytes(hashlib.blake2b(identity, digest_size=16).digest(), "little")
    return np.random.Generator(np.random.Philox(key=key))
