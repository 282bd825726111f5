"""Stage look: the pages that show responses one by one, which the report links to."""

from typing import Annotated

from mtpipe import paths
from mtpipe.files import atomic
from mtpipe.look.pages import write_pages
from mtpipe.run.stage import run_stage
from mtpipe.settings.rounds import Round


def main(
    *,
    arms: Annotated[list[str], "arms"],
    seeds: Annotated[list[int], "seeds"],
    rounds: Annotated[list[Round], "rounds"],
    after: Annotated[list[int], "evaluate.after"],
) -> None:
    """Writes the first seed's pages: its last two rounds, and its evaluations."""
    with atomic(paths.VIEWERS) as folder:
        write_pages(arms, seeds[0], [round.n for round in rounds[-2:]], after, folder)


if __name__ == "__main__":
    run_stage(main)
