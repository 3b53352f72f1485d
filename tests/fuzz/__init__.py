"""Properties that hold for whatever comes in, tried on inputs that hypothesis makes up."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# the same examples in every run: a failure is of this change, and stays until it is repaired
BOUNDED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
