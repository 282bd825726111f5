import pytest

from mtpipe.settings.templates import TEMPLATES, bare_problem, find_template

PROBLEM = r"Find $\{x\}$ and {problem}."


def test_qwen_math_is_qwens_own_prompt_to_the_character():
    assert TEMPLATES["qwen_math"].prompt("1+1?") == (
        "<|im_start|>system\nPlease reason step by step, and put your final answer within \\boxed{}.<|im_end|>\n"
        "<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert TEMPLATES["qwen_boxed"].prompt("1+1?") == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n1+1?\n"
        "Please reason step by step, and put your final answer within \\boxed{}.<|im_end|>\n<|im_start|>assistant\n"
    )


def test_each_template_says_where_its_answer_is_and_what_ends_a_response():
    rules = {name: (template.extraction, template.stop) for name, template in TEMPLATES.items()}
    assert rules == {
        "qwen_math": ("boxed", ()),
        "qwen_boxed": ("boxed", ()),
        "r1": ("answer_tag", ("</answer>",)),
        "dapo": ("answer_line", ()),
        "none": ("boxed", ()),
    }
    assert TEMPLATES["r1"].prompt("1+1?").endswith("User: 1+1?\nAssistant: <think>")


@pytest.mark.parametrize("template", [*TEMPLATES, "Q: {problem}\nA: {}"])
def test_a_problem_stands_in_its_prompt_as_it_is(template):
    assert find_template(template).prompt(PROBLEM).count(PROBLEM) == 1


@pytest.mark.parametrize("name", ["qwen", "Q: {question}", "", "{problem} {problem}"])
def test_what_is_no_template_is_refused_with_the_names(name):
    with pytest.raises(ValueError, match="none of qwen_math, qwen_boxed, r1, dapo, none, chat, and no text with"):
        find_template(name)


def test_the_instructions_around_a_data_sets_problems_are_taken_off():
    verl = "Find $x$. Let's think step by step and output the final answer within \\boxed{}."
    assert bare_problem(verl) == bare_problem(TEMPLATES["dapo"].prompt("Find $x$.")) == bare_problem("Find $x$. ")
