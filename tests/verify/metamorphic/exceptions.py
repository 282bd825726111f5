"""Rewritings of single golds where the verdict differs from the table's, each with its reason."""

EXCEPTIONS: dict[tuple[str, str], str] = {
    (
        "letter of a word left out",
        r"\text{two lines}",
    ): "the letter is a plural's: as many of the same",
} | {
    ("list with a point for the comma", gold): "a comma with two digits behind it may be a decimal comma"
    for gold in ("8,12", "17,44", "-330,90", "2,16", "2500,7500", "11,13", "5,15")
}
"""(rewriting, gold): why the verifier's verdict is accepted as it is."""
