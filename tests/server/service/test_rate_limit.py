"""How often somebody may ask."""

import pytest

from server.rate_limit import RateLimit


def test_a_burst_is_allowed_and_then_the_lasting_rate() -> None:
    now_s = 0.0
    limit = RateLimit(2, 10, clock=lambda: now_s)
    assert [limit.wait_s("a") for _ in range(3)] == [0, 0, 30]
    now_s = 29.0
    assert limit.wait_s("a") == pytest.approx(1.0)
    now_s = 30.5
    assert limit.wait_s("a") == 0
    assert limit.wait_s("b") == 0


def test_clients_beyond_the_most_are_forgotten_longest_unseen_first() -> None:
    limit = RateLimit(1, 2, clock=lambda: 0.0)
    for key in ("a", "b", "b", "a", "c"):
        limit.wait_s(key)
    assert len(limit) == 2
    # b went; a is still waiting.
    assert limit.wait_s("a") > 0
