"""Golds rewritten in ways that keep their meaning, and in ways that change it: what a verifier has to say of each is
known from mathematics, not from a verifier.

`python -m benchmarks metamorphic` prints the table over all golds; `test_metamorphic.py` tries a sample of it.
"""
