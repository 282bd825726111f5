"""Speed, as ratios against a peer of the same run: `python -m benchmarks [sampling] [vllm] [pipeline] [report]`."""

import argparse

from benchmarks import pipeline, report, sampling, vllm

BENCHMARKS = {"sampling": sampling.main, "vllm": vllm.main, "pipeline": pipeline.main, "report": report.main}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("which", nargs="*", choices=[*BENCHMARKS, []], help="default: sampling")
    for name in parser.parse_args().which or ["sampling"]:
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
