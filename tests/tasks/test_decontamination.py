import pytest

from mtpipe.tasks.decontamination import Benchmarks

LONG = "Aya goes for a walk of nine kilometers each morning and stops at a shop for coffee afterwards, for $t$ minutes."
HELD_OUT = Benchmarks(
    [("small", r"Compute $\left(2+3\right)$."), ("aime", LONG), ("other", "Find the roots of $x^2-1$")]
)


@pytest.mark.parametrize(
    ("problem", "found"),
    [
        (r"compute \( 2 + 3 \)", None),
        (r"Compute  $(2 + 3)$", ("same text as", "small")),
        (r"Compute $(2-3)$.", None),
        ("Find the roots of $x^2 - 1$.", ("same text as", "other")),
        (LONG.upper(), ("same text as", "aime")),
        ("One day " + LONG[:80] + " and more", ("13 words in common with", "aime")),
        ("A walk of nine kilometers each morning and stops at a shop.", None),
        ("", None),
    ],
)
def test_a_problem_is_found_by_its_text_and_by_thirteen_words_in_a_row(problem, found):
    assert HELD_OUT.containing(problem) == found


def test_twelve_words_in_common_are_no_overlap():
    words = [f"w{n}" for n in range(20)]
    held_out = Benchmarks([("b", " ".join(words))])
    assert held_out.containing(" ".join([*words[:12], "other"])) is None
    assert held_out.containing(" ".join(["other", *words[3:16]])) == ("13 words in common with", "b")
