"""Settings of every token rule, for the tests that go through the whole table."""

EXAMPLES = {
    "uniform": {},
    "entropy_threshold": {"low": 0.9, "high": 1.3, "threshold": {"nats": 0.4}},
    "entropy_window": {"low": 0.9, "high": 1.3, "share": 0.25, "window": 7},
    "entropy_linear": {"low": 0.9, "high": 1.3, "cold_until": {"nats": 0.2}, "hot_from": {"nats": 1.5}},
    "entropy_sigmoid": {"low": 0.9, "high": 1.3, "centre": {"nats": 0.6}, "width": 0.2},
    "random_share": {"low": 0.9, "high": 1.3, "share": 0.25},
    "edt": {},
    "adapt": {"line_end": ","},
    "annealed": {"template": 0},
    "reverse_annealed": {"template": 0},
}
"""A rule added to the table has to be added here."""
