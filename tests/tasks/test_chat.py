"""Prompts by a checkpoint's own template; the real ones are those that TRL ships, their results written out by hand."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from mtpipe.errors import MtpipeError
from mtpipe.model.policy import load_vocabulary, new_checkpoint
from mtpipe.settings.task import Chat
from mtpipe.tasks.chat import chat_prompts
from mtpipe.tasks.math import MathTask

PLAIN = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<bot>{% endif %}"
_TRL = find_spec("trl")
REAL = Path(_TRL.origin).parent / "chat_templates" if _TRL and _TRL.origin else Path("absent")
needs_trl = pytest.mark.skipif(not REAL.is_dir(), reason="TRL's chat templates are not here: `make setup-dev`")


@pytest.fixture(scope="module")
def untold(tmp_path_factory, params) -> Path:
    """A checkpoint of bytes without a template."""
    folder = tmp_path_factory.mktemp("chat") / "checkpoint"
    new_checkpoint(folder, params.model.model_copy(update={"hidden_size": 16, "layers": 1}), None, 64)
    return folder


@pytest.fixture
def checkpoint(untold, tmp_path):
    """The same with a template."""

    def make(template: str, **special: str) -> str:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(untold, **special)
        tokenizer.chat_template = template
        tokenizer.save_pretrained(tmp_path / "chat")
        return str(tmp_path / "chat")

    return make


def test_the_users_message_stands_in_the_template_up_to_where_the_response_begins(checkpoint):
    prompt = chat_prompts(Chat(user="Solve {problem}!"), checkpoint(PLAIN))
    assert prompt("{x} + {{ y }}") == "<user>Solve {x} + {{ y }}!<bot>"
    assert chat_prompts(Chat(system="Be brief.", user="{problem}"), checkpoint(PLAIN))("1+1") == (
        "<system>Be brief.<user>1+1<bot>"
    )


@pytest.mark.parametrize(
    ("template", "bos", "chat", "expected"),
    [
        (
            "qwen2_5",
            None,
            Chat(system="S", user="{problem}"),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nP<|im_end|>\n<|im_start|>assistant\n",
        ),
        ("qwen3", None, Chat(user="{problem}"), "<|im_start|>user\nP<|im_end|>\n<|im_start|>assistant\n"),
        (
            "qwen3",
            None,
            Chat(user="{problem}", thinking=False),
            "<|im_start|>user\nP<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
        ),
        (
            "llama3",
            "<|begin_of_text|>",
            Chat(system="S", user="{problem}"),
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nP<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        (
            "gemma",
            "<bos>",
            Chat(user="{problem}"),
            "<bos><start_of_turn>user\nP<end_of_turn>\n<start_of_turn>model\n",
        ),
    ],
)
@needs_trl
def test_real_templates(checkpoint, template, bos, chat, expected):
    folder = checkpoint((REAL / f"{template}.jinja").read_text(), **({"bos_token": bos} if bos else {}))
    assert chat_prompts(chat, folder)("P") == expected


@needs_trl
def test_a_template_that_refuses_a_system_message_is_quoted(checkpoint):
    folder = checkpoint((REAL / "gemma.jinja").read_text(), bos_token="<bos>")
    with pytest.raises(MtpipeError, match=r"task asks for the chat template.*[Ss]ystem"):
        chat_prompts(Chat(system="S"), folder)("P")


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{% if %}", "line 1"),
        ("{{ raise_exception('no such thing') }}", "no such thing"),
        ("{{ messages[0].content.__class__.__mro__ }}", "ends with an error"),
        ("{{ messages[0].content + 1 }}", "of .*chat ends with an error: can only concatenate str"),
        ("{{ 1 / 0 }}", "ends with an error: division by zero"),
        ("always the same", "leaves the user's message out"),
    ],
)
def test_a_broken_or_hostile_template_is_a_clear_error(checkpoint, template, words):
    with pytest.raises(MtpipeError, match=words):
        chat_prompts(Chat(), checkpoint(template))("P")


def test_a_checkpoint_without_a_template_and_no_checkpoint_are_named_with_the_remedy(untold):
    with pytest.raises(MtpipeError, match=r"chat_template\.jinja"):
        chat_prompts(Chat(), str(untold))
    with pytest.raises(MtpipeError, match=r"model\.checkpoint is null"):
        chat_prompts(Chat(), None)


def test_settings_of_a_chat_need_its_template_and_a_place_for_the_problem():
    sources = {"train": {"a": {"file": "a.jsonl"}}, "benchmarks": {"b": {"file": "b.jsonl"}}}
    with pytest.raises(ValueError, match="template: chat"):
        MathTask(name="math", chat=Chat(system="S"), **sources)
    with pytest.raises(ValueError, match=r"chat template, and model\.checkpoint is null"):
        MathTask(name="math", template="chat", **sources).check(None)
    with pytest.raises(ValueError, match="expected once"):
        Chat(user="no place")


def test_prepared_problems_have_the_chat_models_prompt_and_the_record_its_first(checkpoint, tmp_path):
    for name, number in (("train", 1), ("test", 2)):
        row = {"prompt": [{"role": "user", "content": f"What is {number}+0?"}], "answer": str(number)}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    columns = {"problem": "prompt.0.content", "answer": "answer"}
    task = MathTask.model_validate(
        {
            "name": "math",
            "template": "chat",
            "chat": {"user": "{problem}"},
            "train": {"mine": {"file": str(tmp_path / "train.jsonl"), "columns": columns}},
            "benchmarks": {"held_out": {"file": str(tmp_path / "test.jsonl"), "columns": columns}},
        }
    )
    found = task.prepare(checkpoint(PLAIN))
    assert [row["prompt"] for row in found.train] == ["<user>What is 1+0?<bot>"]
    assert [source["first_prompt"] for source in found.sources] == [
        "<user>What is 2+0?<bot>",
        "<user>What is 1+0?<bot>",
    ]


def test_special_tokens_of_a_prompt_are_read_as_such(checkpoint, untold, tmp_path):
    tokens = load_vocabulary(untold).encode("a<eos>b")
    assert len(tokens) == 3
