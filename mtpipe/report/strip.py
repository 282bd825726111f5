"""The report's first picture: one response, token by token, coloured by the temperature it was sampled at."""

from dataclasses import dataclass

from mtpipe.report.collect import Study


@dataclass(frozen=True)
class StripToken:
    """`heat` is the share of full colour, 0 at T = 1, negative below; `bar` the entropy as a share of the largest."""

    text: str
    temperature: float
    entropy: float
    heat: float
    bar: float


@dataclass(frozen=True)
class Strip:
    """A response of the last round, of the arm whose temperatures vary most within it."""

    arm: str
    prompt: str
    verdict: str
    round: int
    tokens: list[StripToken]


def token_strip(study: Study) -> Strip:
    """The first seed's strip of the arm with the widest range of temperatures within a response."""
    seed, last = study.params.seeds[0], study.last_round
    strips = {arm: study.updates[arm, seed, last]["strip"] for arm in study.params.arms}
    arm = max(strips, key=lambda name: max(strips[name]["temperatures"]) - min(strips[name]["temperatures"]))
    found = strips[arm]
    reach = max(0.1, *(abs(value - 1) for value in found["temperatures"]))
    most = max(0.05, *found["entropies"])
    columns = zip(found["tokens"], found["temperatures"], found["entropies"], strict=True)
    tokens = [StripToken(text, heat, entropy, (heat - 1) / reach, entropy / most) for text, heat, entropy in columns]
    return Strip(arm, found["prompt"], found["verdict"], last, tokens)
