"""Token ids as text for people to read, from a tokenizer.json alone."""

from pathlib import Path

from tokenizers import Tokenizer

from mtpipe.errors import MtpipeError

_CONTROL = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {0x7F: 0x2421}


class TokenTexts:
    """Token ids as text, from a tokenizer.json."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise MtpipeError(f"{path} is missing; name the policy's tokenizer.json with --tokenizer")
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing more particular
            raise MtpipeError(f"{path} is not readable as a tokenizer: {error}") from None
        self._special = {id for id, token in self._tokenizer.get_added_tokens_decoder().items() if token.special}

    def of(self, token: int) -> tuple[str, int]:
        """A token's text, and 1 for a special one. Part of a character that takes several tokens reads as U+FFFD."""
        text = self._tokenizer.decode([token], skip_special_tokens=False)
        raw = self._tokenizer.id_to_token(token) or ""
        if raw.startswith("▁") and not text.startswith(" "):  # SentencePiece drops a first token's space
            text = " " + text
        return (text or raw).translate(_CONTROL), int(token in self._special)

    def prompt(self, tokens: list[int]) -> str:
        return self._tokenizer.decode(tokens, skip_special_tokens=False).translate(_CONTROL)
