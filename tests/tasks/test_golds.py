import pytest

from mtpipe.tasks.catalogue import KNOWN, Shape
from mtpipe.tasks.golds import find_golds, split_list

PLAIN = Shape("problem", "answer")
BOXED = Shape("problem", "answer", answer_is="boxed")
OLYMPIAD = KNOWN["Hothan/OlympiadBench"].shape


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("027", "027"),
        (27.0, "27.0"),
        (27, "27"),
        ("She sells $<<9*2=18>>18.\n#### 1,018", "1,018"),
        ("#### -5", "-5"),
        (r"336^\circ", r"336^\circ"),
        (r"12\text{ cm}", r"12\text{ cm}"),
        ("$45$", "45"),
        ("$1$ and $2$", "$1$ and $2$"),
        ("\ufeff7", "7"),
    ],
)
def test_a_plain_answer_is_kept_as_it_is_written(answer, gold):
    assert find_golds({"answer": answer}, PLAIN).texts == [gold]


@pytest.mark.parametrize(
    ("solution", "gold"),
    [
        (r"So $x=\boxed{17}$.", "17"),
        (r"First \boxed{3}, then $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"That is $\boxed 2$.", "2"),
        (r"The set is \fbox{$\{1,2\}$}", r"\{1,2\}"),
        (r"In all \boxed{12\text{ cm}}.", r"12\text{ cm}"),
    ],
)
def test_a_solutions_answer_is_in_its_last_box(solution, gold):
    assert find_golds({"answer": solution}, BOXED).texts == [gold]


@pytest.mark.parametrize("answer", [None, "", "  ", "####", [], [None], "$$"])
def test_an_empty_gold_is_refused(answer):
    with pytest.raises(ValueError, match=r"."):
        find_golds({"answer": answer}, PLAIN)


@pytest.mark.parametrize("solution", ["It is 3.", r"\boxed{}", r"\boxed{3"])
def test_a_solution_without_a_box_has_no_gold(solution):
    with pytest.raises(ValueError, match=r"."):
        find_golds({"answer": solution}, BOXED)


def test_a_list_means_any_of_its_answers_or_all_as_its_data_set_says():
    any_of = find_golds({"answer": ["3", "3", "4"]}, PLAIN)
    assert (any_of.texts, any_of.match) == (["3", "4"], "any")
    all_of = find_golds({"final_answer": ["3", "4"], "is_multiple_answer": False}, OLYMPIAD)
    assert (all_of.texts, all_of.match) == (["3", "4"], "all")


@pytest.mark.parametrize(
    ("text", "golds", "match"),
    [
        ("$69$,$84$", ["69", "84"], "all"),
        ("1,3,5", ["1", "3", "5"], "all"),
        ("$(1,8,19), (2,7,13)$", ["(1,8,19)", "(2,7,13)"], "all"),
        ("$16,3,1,1$", ["16", "3", "1", "1"], "all"),
        ("$5$", ["5"], "any"),
    ],
)
def test_several_answers_in_one_text_are_all_asked_for(text, golds, match):
    found = find_golds({"final_answer": [text], "is_multiple_answer": True}, OLYMPIAD)
    assert (found.texts, found.match) == (golds, match)


def test_a_sentence_is_not_divided_at_its_commas():
    text = "$f(x)=a x+b$, where $b$ is an arbitrary integer, and $a$ is positive"
    assert split_list(text) == [text]
    assert split_list(r"$\frac{1}{2}$,$\sqrt{3}$") == [r"\frac{1}{2}", r"\sqrt{3}"]
