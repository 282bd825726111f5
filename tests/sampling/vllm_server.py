"""vLLM's own server in a process of its own, over HTTP on loopback."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def vllm_server(arguments: list[str], log: Path) -> Iterator[str]:
    """`vllm serve` in float32 with further arguments, among which --model; gives the address of its completions."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]  # `vllm serve` looks for a package vllm
    command += [*arguments, "--dtype", "float32", "--enforce-eager", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--max-num-seqs", "4", "--kv-cache-memory-bytes", "16M", "--logprobs-mode", "processed_logprobs"]
    offline = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "TORCHDYNAMO_DISABLE": "1"}
    with log.open("w") as output:
        server = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **offline}, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 900  # of which a calm machine of two cores takes a tenth
        while True:
            assert server.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
                break
            except OSError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1/completions"
    finally:
        server.terminate()
        try:
            server.wait(timeout=60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)  # its engine is a process of its own, which may outlive it


def complete(address: str, **request):
    """The choice of a completion by the model that is served as `policy`."""
    body = json.dumps({"model": "policy", "max_tokens": 30, "temperature": 1.0, "top_p": 1.0, **request}).encode()
    asked = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=120) as answer:
        return json.load(answer)["choices"][0]
