"""Speed and memory, as ratios against a peer measured in the same run; and simulations: `python -m benchmarks NAME …`.

Times mean little on a busy machine; simulations and counts do not depend on it.
"""

import argparse
from importlib import import_module

NAMES = (
    "sampling",
    "draw",
    "exact_draws",
    "draw_bytes",
    "update",
    "mismatch",
    "memory",
    "verify",
    "metamorphic",
    "verifiers",
    "report",
    "marks",
    "vllm",
    "adapter",
    "head",
    "resident",
    "loading",
    "pipeline",
    "study",
    "models",
    "lora",
    "qlora",
)


def main() -> None:
    """Each is a module of this package, imported when asked for: not every peer is installed everywhere."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=f"of {', '.join(NAMES)}")
    for name in parser.parse_args().names or ["sampling"]:
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
