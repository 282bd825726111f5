"""MLflow: complete runs published from the files, live metrics of running stages, and registered policies.

Importing mlflow takes seconds, so only the modules that need it do.
"""

import os

# Read when mlflow is imported. A pipeline that nobody watches should call no foreign server; "false" turns it on.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
