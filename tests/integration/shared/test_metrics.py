import httpx
import pytest

from ops.ports import free_port
from shared import metrics
from shared.lanes import Lag
from shared.metrics import lags_served
from tests.support.eventually import eventually


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> dict[str, Lag]:
    """What the broker tells; nothing where it is empty, for then it is away."""
    monkeypatch.setattr(metrics, "MEASURE_EVERY_S", 0.01)
    return {"flock.events.v1": Lag(3, 1.5)}


async def test_while_the_broker_is_away_no_lag_is_shown_rather_than_an_old_one(
    broker: dict[str, Lag],
) -> None:
    port = free_port()

    async def measure() -> dict[str, Lag]:
        if not broker:
            raise ConnectionError
        return dict(broker)

    async with lags_served("flock", "127.0.0.1", port, measure), httpx.AsyncClient() as http:

        async def page() -> str:
            return (await http.get(f"http://127.0.0.1:{port}/metrics")).text

        shown = 'customers_api_lag_records{service="flock",topic="flock.events.v1"} 3.0'
        await eventually(page, lambda text: shown in text)
        broker.clear()
        await eventually(page, lambda text: "flock.events.v1" not in text)
