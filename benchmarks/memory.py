"""Peak memory of token log-probs, entropies and their gradients at a real vocabulary: in chunks, and all at once.

8192 tokens, a vocabulary of 152 k, hidden size 1536, float32, on the CPU; each measurement is a process of its own, and
counts what it needs beyond the inputs. The computation at once holds logits of 5 GB several times over. Where less than
28 GiB are free, it is measured at an eighth and a quarter of the tokens, and the line through both is drawn out.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

TOKENS, VOCABULARY, HIDDEN = 8192, 151_936, 1536
NEEDED = 28 * 2**30


def main() -> None:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    eighth, quarter = TOKENS // 8, TOKENS // 4
    with tempfile.TemporaryDirectory() as folder:
        ours_file, plain_file = Path(folder) / "ours", Path(folder) / "plain"
        if free > NEEDED:
            plain, how = _measured("plain", TOKENS, plain_file), "measured"
            ours = _measured("chunked", TOKENS, ours_file)
        else:
            small, plain = _measured("plain", eighth, plain_file), _measured("plain", quarter)
            how = f"from {small:.2f} and {plain:.2f} GiB at {eighth} and {quarter} tokens; {free / 2**30:.0f} GiB free"
            plain = small + (plain - small) / (quarter - eighth) * (TOKENS - eighth)
            _measured("chunked", eighth, ours_file)
            ours = _measured("chunked", TOKENS)
        differences = _differences(load_file(ours_file), load_file(plain_file))
    print(f"{TOKENS} tokens x {VOCABULARY}, hidden {HIDDEN}: at once {plain:.2f} GiB ({how}), chunked {ours:.2f} GiB")
    print(f"at once / chunked: {plain / ours:.1f}; largest relative difference {differences}")


def _measured(how: str, tokens: int, result: Path | None = None) -> float:
    """Peak memory beyond the inputs, GiB, of one computation in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", how, str(tokens), *([str(result)] if result else [])]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _differences(ours: dict[str, torch.Tensor], plain: dict[str, torch.Tensor]) -> str:
    return ", ".join(f"{key} {float((ours[key] - plain[key]).norm() / plain[key].norm()):.1e}" for key in sorted(plain))


def _compute(how: str, tokens: int, result: Path | None) -> None:
    from mtpipe.learn.scoring.chunked_head import token_scores
    from mtpipe.learn.scoring.sequences import entropies, tempered_logprobs

    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(tokens, HIDDEN, generator=generator, requires_grad=True)
    weight = torch.randn(VOCABULARY, HIDDEN, generator=generator).mul_(0.05).requires_grad_()
    targets = torch.randint(VOCABULARY, (tokens,), generator=generator)
    temperatures = torch.rand(tokens, generator=generator) + 0.5
    upstream = torch.randn(tokens, generator=generator)
    before = _resident("VmRSS")
    if how == "chunked":
        scores = token_scores(hidden, weight, None, None, targets, temperatures)
        logprobs, tempered, untempered = scores.tempered, scores.entropy_tempered, scores.entropy
        (logprobs * upstream).sum().backward()
    else:
        logits = hidden @ weight.t()
        logprobs, tempered = tempered_logprobs(logits, targets, temperatures)
        untempered = entropies(logits.detach().log_softmax(-1))
        del logits
        (logprobs * upstream).sum().backward()
    peak = _resident("VmHWM")
    if result:
        assert hidden.grad is not None
        assert weight.grad is not None
        values = {"log-probs": logprobs.detach(), "entropies": tempered, "untempered entropies": untempered}
        save_file({**values, "gradient of hidden": hidden.grad, "gradient of weights": weight.grad}, result)
    print((peak - before) / 2**20)


def _resident(key: str) -> int:
    """KiB of this process, from Linux's /proc: now (VmRSS) or at most so far (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key + ":"))


if __name__ == "__main__":
    _compute(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
