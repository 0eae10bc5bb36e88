import pytest

from shared.serve import serve


def test_a_service_that_is_not_here_is_named() -> None:
    with pytest.raises(SystemExit, match="no service 'warehouse' here"):
        serve(["warehouse"])


@pytest.mark.parametrize("arguments", [[], ["customers", "orders"]])
def test_without_one_service_it_says_how_it_is_used(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="usage: "):
        serve(arguments)
