"""Settings for all tests."""

import zlib

import numpy as np
import pytest
from hypothesis import settings

# The same examples in every run, and none that fails because the machine was busy.
settings.register_profile("rnnbp", derandomize=True, deadline=None, database=None, max_examples=60)
settings.load_profile("rnnbp")


@pytest.fixture(autouse=True)
def own_random_numbers(request):
    """Let a module's ``RNG`` begin anew in each test, so that none depends on those that were run before it."""
    shared = getattr(request.module, "RNG", None)
    if isinstance(shared, np.random.Generator):
        own = np.random.default_rng(zlib.crc32(request.node.name.encode()))
        shared.bit_generator.state = own.bit_generator.state
