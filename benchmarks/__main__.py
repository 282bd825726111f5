"""Speed and memory, printed as ratios against a peer measured in the same run: `python -m benchmarks NAME …`."""

import argparse

from benchmarks import memory, pipeline, sampling, update

MEASUREMENTS = {"sampling": sampling.main, "update": update.main, "memory": memory.main, "pipeline": pipeline.main}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("which", nargs="*", choices=[*MEASUREMENTS, []], help="default: sampling")
    for name in parser.parse_args().which or ["sampling"]:
        MEASUREMENTS[name]()


if __name__ == "__main__":
    main()
