"""What comes out: tables, pictures, what stays on disk, and what MLflow is told."""

from pydantic import Field

from mtpipe.settings.base import Settings


class Report(Settings):
    """Tables and pictures."""

    baseline: str = Field(default="uniform", description="the arm that the others are compared with")
    resamples: int = Field(default=10000, ge=100, description="sign flips tried to compare one seed's policies")
    confidence: float = Field(default=0.95, gt=0.5, lt=1)


class Storage(Settings):
    """What stays on disk."""

    keep: int | None = Field(
        default=None,
        ge=0,
        description="each run's last policies that stay with their optimizer states; null removes nothing",
    )


class Tracking(Settings):
    """What MLflow is told."""

    uri: str | None = Field(default=None, description="a tracking URI; null means sqlite in mlflow/")
    experiment: str = Field(default="mtpipe", min_length=1)
    sample_rollouts: int = Field(default=64, ge=0, description="responses of the last round kept as an artifact")
    live: bool = Field(default=True, description="whether running stages have their progress shown in MLflow")
