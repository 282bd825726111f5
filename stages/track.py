"""Stage track: brings MLflow up to date with the results, and says where to look at them."""

from collections import Counter

from mtpipe import paths
from mtpipe.budget.next_edit import next_edit
from mtpipe.params import Params
from mtpipe.run.stage import run_stage
from mtpipe.tracking.publishing import publish


def main(*, params: Params) -> None:
    """Publishes one MLflow run for each arm and seed."""
    published = publish(params)
    counts = Counter(published.done.values())
    print(f"runs in MLflow: {', '.join(f'{count} {what}' for what, count in counts.items())}")
    print(f"report:         {paths.REPORT / 'index.html'}")
    print(f"MLflow:         {published.how_to_open}")
    print("\n".join(next_edit(params)))


if __name__ == "__main__":
    run_stage(main)
