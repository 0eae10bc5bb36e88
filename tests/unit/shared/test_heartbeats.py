import json
import time
from pathlib import Path

import pytest

from shared.heartbeats import Heartbeat, is_stale, main, read_heartbeat, why_unhealthy

LIMITS = (10.0, 60.0)


def a_heartbeat(**changes):
    return Heartbeat(**{"at": 1000.0, "ready": True, "reasons": (), **changes})


def test_a_heartbeat_is_read_as_it_was_written(tmp_path):
    file = tmp_path / "health.json"
    file.write_text(
        json.dumps({"pid": 7, "started_at": "x", "at": 12.5, "ready": False, "reasons": ["no database"]})
    )
    assert read_heartbeat(file) == Heartbeat(at=12.5, ready=False, reasons=("no database",))


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"at": "soon", "ready": true}', '{"ready": true}']
)
def test_what_is_no_heartbeat_counts_as_none(tmp_path, content):
    file = tmp_path / "health.json"
    file.write_text(content)
    assert read_heartbeat(file) is None


def test_a_missing_file_counts_as_none(tmp_path):
    assert read_heartbeat(tmp_path / "none.json") is None


@pytest.mark.parametrize(("now", "stale"), [(1010.0, False), (1010.1, True)])
def test_a_process_is_hung_when_its_heartbeat_is_older_than_the_limit(now, stale):
    assert is_stale(a_heartbeat(), started_at=0.0, now=now, limits=LIMITS) is stale


@pytest.mark.parametrize(("now", "stale"), [(160.0, False), (160.1, True)])
def test_the_first_heartbeat_has_a_limit_of_its_own(now, stale):
    assert is_stale(None, started_at=100.0, now=now, limits=LIMITS) is stale


@pytest.mark.parametrize(
    ("heartbeat", "why"),
    [
        (a_heartbeat(), ""),
        (None, "no heartbeat yet"),
        (a_heartbeat(ready=False, reasons=("kafka away", "database away")), "kafka away, database away"),
        (a_heartbeat(ready=False), "not ready"),
        (a_heartbeat(at=980.0), "last heartbeat 20 s ago"),
    ],
)
def test_the_reason_is_told_for_people(heartbeat, why):
    assert why_unhealthy(heartbeat, now=1000.0, limit_s=10.0) == why


@pytest.mark.parametrize(
    ("reasons", "age_s", "said"),
    [
        ([], 0, 0),
        (["kafka does not answer"], 0, "kafka does not answer"),
        ([], 20, "last heartbeat 20 s ago"),
    ],
)
def test_the_check_of_a_container_ends_with_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reasons: list[str], age_s: float, said: int | str
) -> None:
    file = tmp_path / "health.json"
    monkeypatch.setenv("HEALTH_FILE", str(file))
    file.write_text(json.dumps({"at": time.time() - age_s, "ready": not reasons, "reasons": reasons}))

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == said
