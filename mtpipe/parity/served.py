"""Responses of a running `vllm serve`, asked for over HTTP."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from mtpipe.errors import MtpipeError
from mtpipe.records import Rollout
from mtpipe.sampling.drawing.requests import Request

_SECONDS = 600
_AT_A_TIME = 64  # the server samples together what has been asked together


def sample_served(url: str, requests: Iterable[Request], max_new_tokens: int) -> Iterator[Rollout]:
    """One response to each request, at the temperature that the request goes by, drawn by the server.

    The server has to serve the policy that is compared, and to return log-probs at temperature
    (`--logprobs-mode processed_logprobs`); if it returns raw ones, the comparison says so. Entropies are not known.

    Args:
        url: of the server, `http://127.0.0.1:8000` say.

    Raises MtpipeError if nothing answers there, or what answers is no completion with tokens and log-probs.
    """
    base = url.rstrip("/").removesuffix("/v1")
    model = _asked(f"{base}/v1/models", None)["data"][0]["id"]
    with ThreadPoolExecutor(_AT_A_TIME) as asking:
        yield from asking.map(partial(_response, base, model, max_new_tokens), requests)


def _response(base: str, model: str, max_new_tokens: int, request: Request) -> Rollout:
    answer = _asked(
        f"{base}/v1/completions",
        {
            "model": model,
            "prompt": request.prompt_ids,
            "max_tokens": max_new_tokens,
            "temperature": request.base,
            "top_p": 1.0,
            "top_k": 0,
            "min_p": 0.0,
            "seed": request.sample,
            "logprobs": 0,
            "return_tokens_as_token_ids": True,
        },
    )
    try:
        found = answer["choices"][0]["logprobs"]
        ids = [int(token.removeprefix("token_id:")) for token in found["tokens"]]
        logprobs = [float(value) for value in found["token_logprobs"]]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise MtpipeError(
            f"{base} answered without tokens and log-probs ({error!r}): it is not vLLM's server"
        ) from None
    return Rollout(
        problem_id=request.problem_id,
        sample=request.sample,
        base_temperature=request.base,
        prompt_ids=request.prompt_ids,
        response_ids=ids,
        behaviour_logprobs=logprobs,
        temperatures=[request.base] * len(ids),
    )


def _asked(address: str, body: dict[str, Any] | None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise MtpipeError(f"{address} answered {error.code}: {error.read()[:300].decode(errors='replace')}") from None
    except (OSError, ValueError) as error:
        raise MtpipeError(f"{address} does not answer ({error}); start `vllm serve` there, or correct --url") from None
