"""Speed, as ratios against a peer measured in the same run: `python -m benchmarks [sampling] [verify] [pipeline]`."""

import argparse

from benchmarks import pipeline, sampling, verify


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("which", nargs="*", choices=["sampling", "verify", "pipeline", []], help="default: sampling")
    which = parser.parse_args().which or ["sampling"]
    if "sampling" in which:
        sampling.main()
    if "verify" in which:
        verify.main()
    if "pipeline" in which:
        pipeline.main()


if __name__ == "__main__":
    main()
