"""Settings for all tests."""

from hypothesis import settings

# The same examples in every run, and none that fails because the machine was busy.
settings.register_profile("rnnbp", derandomize=True, deadline=None, database=None, max_examples=60)
settings.load_profile("rnnbp")
