"""MLflow: complete runs published from the files, live metrics of running stages, and registered policies.

Read `publishing` first: it brings MLflow up to date with the files. `record` is what MLflow is told of a run, with
`description` for an arm in words and `naming` for its name; `store` is where runs go, `moving` takes over one that was
moved. `live` tells of running stages, `registering` makes a policy a model version, with its `lineage`. `colours` has a
colour for each run, `table_view` the columns of their table, `charts` the links to curves and table.

Importing mlflow takes seconds, so only the modules that need it do.

Must not import: torch, mtpipe.learn, mtpipe.sampling.
"""

import os

# Read when mlflow is imported. A pipeline that nobody watches should call no foreign server; "false" turns it on.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
