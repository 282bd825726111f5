"""MLflow: complete runs published from the files, live curves of running stages, and registered policies.

Read `publishing` first: it brings MLflow up to date with the files. `record` is what MLflow is told of a run, with
`description` for an arm in words, `metric_names` for metrics and `naming` for its name; `identity` says which run it
is. `store` is where runs go, `moving` takes over one that was moved. Running stages tell `live` how far they are,
`forwarder` is the process that passes that on, to a `live_run`. `registering` makes a policy a model version, with its
`lineage`. `colours` has a colour for each run, `table_view` the columns of their table, `charts` the links to both.

Importing mlflow takes seconds, so only the modules that need it do.

Must not import: torch, mtpipe.learn, mtpipe.sampling.
"""

import os

# Read when mlflow is imported. A pipeline that nobody watches should call no foreign server; "false" turns it on.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
