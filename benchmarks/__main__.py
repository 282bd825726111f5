"""Speed, printed as ratios against a peer measured in the same run: `python -m benchmarks [sampling] [report] …`."""

import argparse

from benchmarks import pipeline, report, sampling


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("which", nargs="*", choices=["sampling", "pipeline", "report", []], help="default: sampling")
    which = parser.parse_args().which or ["sampling"]
    if "sampling" in which:
        sampling.main()
    if "pipeline" in which:
        pipeline.main()
    if "report" in which:
        report.main()


if __name__ == "__main__":
    main()
