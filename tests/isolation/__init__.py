"""Whether one tenant can hold up another: see :mod:`tests.isolation.test_neighbours`."""
