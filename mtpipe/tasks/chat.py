"""The prompts of chat models: what the template that a checkpoint brings makes of a problem."""

from collections.abc import Callable

from mtpipe.errors import MtpipeError
from mtpipe.hub import checkpoint_folder
from mtpipe.settings.task import NO_CHECKPOINT, Chat
from mtpipe.settings.templates import Template


def chat_prompts(chat: Chat, checkpoint: str | None) -> Callable[[str], str]:
    """Makes prompts as the checkpoint was trained on them, up to where its response begins.

    The template runs in the sandbox that transformers has for it.

    Returns:
        the prompt of a problem. It raises MtpipeError, with the template's own words, if the template does.

    Raises MtpipeError if the checkpoint has no such template, or one that cannot be read.
    """
    from jinja2 import TemplateSyntaxError
    from transformers import AutoTokenizer  # takes seconds

    key = "params.yaml: task asks for the chat template"
    if checkpoint is None:
        raise MtpipeError(f"params.yaml: {NO_CHECKPOINT}")
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            checkpoint_folder(checkpoint), local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # whatever is wrong with the files
        raise MtpipeError(f"{key}, and the tokenizer of {checkpoint} cannot be read: {error}") from error
    if not tokenizer.chat_template:
        raise MtpipeError(
            f"{key}, and {checkpoint} has none: neither a chat_template.jinja nor a chat_template in its "
            f"tokenizer_config.json; take a template of mtpipe's own (docs/data.md)"
        )
    system = [] if chat.system is None else [{"role": "system", "content": chat.system}]
    switches = {} if chat.thinking is None else {"enable_thinking": chat.thinking}
    user = Template(chat.user)

    def prompt(problem: str) -> str:
        said = user.prompt(problem)
        messages = [*system, {"role": "user", "content": said}]
        try:
            text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **switches)
        except Exception as error:  # a template computes, so it may raise anything
            line = f", line {error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
            raise MtpipeError(f"{key}: the template of {checkpoint}{line} ends with an error: {error}") from error
        if said.strip() not in text:
            raise MtpipeError(f"{key}: the template of {checkpoint} leaves the user's message out: {text!r}")
        return str(text)

    return prompt
