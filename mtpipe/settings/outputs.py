"""What comes out: tables, pictures, and what MLflow is told."""

from pydantic import Field

from mtpipe.settings.base import Settings


class Report(Settings):
    """Tables and pictures."""

    baseline: str = Field(description="the arm that the others are compared with")
    resamples: int = Field(ge=100, description="bootstrap resamples")
    confidence: float = Field(gt=0.5, lt=1)


class Tracking(Settings):
    """What MLflow is told."""

    uri: str | None = Field(description="a tracking URI; null means sqlite in mlflow/")
    experiment: str = Field(min_length=1)
    sample_rollouts: int = Field(ge=0, description="responses of the last round kept as an artifact")
    live: bool = Field(description="whether running rollouts and updates log their progress to MLflow")
