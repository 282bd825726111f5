"""Publishing results to MLflow, from the files that the stages wrote."""

import os

# Read when mlflow is imported. A pipeline that nobody watches should call no foreign server; "false" turns it on.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from mtpipe.tracking.publishing import Published, publish

__all__ = ["Published", "publish"]
