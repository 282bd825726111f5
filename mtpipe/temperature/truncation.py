"""Which tokens may be drawn at all: the tempered distribution, cut by up to three rules."""

from pydantic import Field

from mtpipe.settings.base import Settings


class Truncation(Settings):
    """A token may be drawn where every rule that is set keeps it; each looks at the whole tempered distribution.

    * `top_p`: the likeliest tokens, the fewest that together reach it. Nucleus sampling, arXiv 1904.09751.
    * `min_p`: the tokens whose probability is at least this share of the likeliest one's. arXiv 2407.01082.
    * `top_n_sigma`: the tokens whose logit is at most so many standard deviations of all finite ones below the
      highest; the same tokens at every temperature. arXiv 2411.07641.
    """

    top_p: float | None = Field(default=None, gt=0, le=1)
    min_p: float | None = Field(default=None, ge=0, le=1)
    top_n_sigma: float | None = Field(default=None, gt=0)

    @property
    def cuts(self) -> bool:
        """Whether any token is ever left out."""
        return self.top_p not in (None, 1) or self.min_p not in (None, 0) or self.top_n_sigma is not None


NONE = Truncation()
