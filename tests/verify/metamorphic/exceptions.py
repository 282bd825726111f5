"""Rewritings of single golds where the verdict differs from the table's, each with its reason."""

EXCEPTIONS: dict[tuple[str, str], str] = {}
"""(rewriting, gold): why the verifier's verdict is accepted as it is."""
