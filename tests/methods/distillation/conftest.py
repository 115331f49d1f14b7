import pytest


@pytest.fixture(scope="session")
def few(digits):
    """A sixth of the digits to train on: what teachers know is worth something then."""
    (x, y), validation = digits
    return (x[:100], y[:100]), validation
