"""Mixed-CUTS: a part of each group whose tokens are drawn evenly among the likeliest ones, arXiv 2604.18493."""

from pydantic import Field

from mtpipe.settings.base import Settings


class MixedCuts(Settings):
    """The group's last responses explore: their tokens are drawn by constrained uniform top-K sampling (CUTS).

    From token `warm_up` on, each is drawn evenly among those of the `top_k` likeliest tokens whose probability exceeds
    `threshold`; if none does, among all of the `top_k`. Probabilities are those of the tempered distribution, which at
    T = 1 is the paper's. The paper's settings: top_k 5, threshold 0.03, warm_up 5, 8 of 16 responses.
    """

    share: float = Field(default=0.5, gt=0, le=1, description="of a group's responses, that explore")
    top_k: int = Field(default=5, ge=2, le=4096, description="tokens that may be drawn, at most")
    threshold: float = Field(default=0.03, ge=0, lt=1, description="probability that a token has to exceed")
    warm_up: int = Field(default=5, ge=0, description="first tokens, which are drawn as in any response")

    def explorers(self, group_size: int) -> int:
        """How many of a group's responses explore; raises ValueError if the share is no whole number of them."""
        count = self.share * group_size
        if abs(count - round(count)) > 1e-6:
            raise ValueError(
                f"mixed_cuts.share is {self.share:g}, which of a group of {group_size} responses is {count:g}; give a "
                f"share that is a whole number of responses, or change sampling.group_size"
            )
        return round(count)
