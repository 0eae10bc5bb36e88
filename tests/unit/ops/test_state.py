import os

import pytest

from ops.state import AlreadyRunning, Record, StateFolder


def a_record(**changes):
    whole = {"name": "kafka", "pid": 12, "born": 1.5, "started_at": "2026-01-01T00:00:00+00:00", **changes}
    return Record(**whole)


def test_a_folder_nobody_holds_has_no_holder(tmp_path):
    assert StateFolder(tmp_path / "new").holder() is None


def test_the_second_supervisor_of_a_folder_is_told_who_the_first_is(tmp_path):
    first, second = StateFolder(tmp_path), StateFolder(tmp_path)
    first.acquire()
    with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}, since "):
        second.acquire()
    assert second.holder().pid == os.getpid()
    first.release()
    assert second.holder() is None
    second.acquire()
    second.release()


def test_asking_for_the_holder_does_not_make_one(tmp_path):
    first, second = StateFolder(tmp_path), StateFolder(tmp_path)
    first.acquire()
    first.release()
    second.holder()
    first.acquire()
    first.release()


def test_records_are_read_as_they_were_kept(tmp_path):
    folder = StateFolder(tmp_path)
    folder.keep_records({"kafka": a_record(port=9092, held=True)})
    assert folder.records() == {"kafka": a_record(port=9092, held=True)}


@pytest.mark.parametrize("content", ["", "{"])
def test_a_damaged_record_counts_as_none(tmp_path, content):
    (tmp_path / "processes.json").write_text(content)
    assert StateFolder(tmp_path).records() == {}


def test_deleting_the_data_leaves_what_is_not_ours(tmp_path):
    folder = StateFolder(tmp_path / "state")
    folder.acquire()
    folder.release()
    mine = folder.path / "notes.txt"
    mine.write_text("keep")
    folder.delete_data()
    assert list(folder.path.iterdir()) == [mine]


def test_deleting_the_data_takes_the_folder_with_it_when_nothing_else_is_there(tmp_path):
    folder = StateFolder(tmp_path / "state")
    folder.acquire()
    folder.keep_records({"kafka": a_record()})
    folder.release()
    folder.delete_data()
    assert not folder.path.exists()
