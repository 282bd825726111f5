"""What a new model of a task reads and writes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NewModelVocabulary:
    """The characters that a new model knows, one token each, and how many tokens it can see.

    Without `characters` the tokens are bytes, so that any text can be read.
    """

    characters: str | None
    max_positions: int


BYTES = NewModelVocabulary(None, max_positions=8192)
