"""The pages that the report links to: the first seed's last two rounds and its evaluations, arm by arm."""

from pathlib import Path

from mtpipe import paths
from mtpipe.look.evaluation import write_evaluation_viewer
from mtpipe.look.viewer import Sibling, write_viewer
from mtpipe.records import EVALUATION, ROLLOUTS, read_table

MOST_TOKENS = 300_000
"""Of a page; about two megabytes."""


def write_pages(arms: list[str], seed: int, rounds: list[int], evaluated: list[int], folder: Path) -> None:
    """Writes the pages of one seed into a folder, each with links to the same prompt on the others.

    Args:
        rounds: whose rollouts have a page; evaluated: after how many rounds the policies do whose evaluation has one.
    """
    tokenizer = paths.WARM_START / "policy" / "tokenizer.json"
    sampled = {
        (arm, f"round {n}"): (paths.rollouts(arm, seed, n), paths.viewer(arm, seed, n)) for arm in arms for n in rounds
    }
    judged = {
        (arm, f"after {n} rounds"): (paths.evaluation(arm, seed, n), paths.evaluation_viewer(arm, seed, n))
        for arm in arms
        for n in evaluated
    }
    for files, schema in ((sampled, ROLLOUTS), (judged, EVALUATION)):
        known = {
            key: Sibling(
                f"{key[0]}, {key[1]}", page.name, frozenset(read_table(file, schema)["problem_id"].to_pylist())
            )
            for key, (file, page) in files.items()
        }
        for key, (file, page) in files.items():
            siblings = [
                one for other, one in known.items() if other != key and (other[0] == key[0] or other[1] == key[1])
            ]
            if schema is ROLLOUTS:
                write_viewer(file, folder / page.name, tokenizer, siblings, MOST_TOKENS)
            else:
                write_evaluation_viewer(file, folder / page.name, siblings)
