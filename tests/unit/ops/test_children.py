import pytest

from ops.children import pause_before_start_s


@pytest.mark.parametrize("short_lives", [0, 1, 2])
def test_the_first_deaths_cost_no_pause(short_lives):
    assert pause_before_start_s(short_lives) == 0.0


def test_further_deaths_double_the_pause_up_to_five_seconds():
    assert [pause_before_start_s(n) for n in range(3, 9)] == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0]


def test_a_process_that_dies_for_ever_does_not_overflow():
    assert pause_before_start_s(900) == 5.0
