import os

from ops.log_files import BACKLOG_LIMIT_BYTES, Follower, Line, shorten, tail


def appended(file, text):
    with file.open("a") as out:
        out.write(text)


def lines_until_stop(follower):
    follower.stop()
    return [line.text for line in follower.lines()]


def test_the_last_lines_are_given_in_order(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("one\ntwo\nthree\n")
    assert tail(log, 2) == ["two", "three"]
    assert tail(log, 0) == []


def test_a_log_that_is_not_there_has_no_lines(tmp_path):
    assert tail(tmp_path / "none.log", 5) == []
    assert not shorten(tmp_path / "none.log")


def test_only_what_is_added_is_followed(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("old\n")
    follower = Follower({"a": log})
    appended(log, "new\n")
    follower.stop()
    assert list(follower.lines()) == [Line("a", "new")]


def test_a_line_is_given_only_when_it_is_whole(tmp_path):
    log = tmp_path / "a.log"
    follower = Follower({"a": log})
    appended(log, "half")
    assert lines_until_stop(follower) == []
    appended(log, " and half\n")
    assert lines_until_stop(follower) == ["half and half"]


def test_a_log_that_was_emptied_is_followed_from_its_new_beginning(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("a long line that is gone soon\n")
    follower = Follower({"a": log})
    os.truncate(log, 0)
    assert lines_until_stop(follower) == []
    appended(log, "new\n")
    assert lines_until_stop(follower) == ["new"]


def test_a_backlog_too_long_to_show_is_left_out(tmp_path):
    log = tmp_path / "a.log"
    follower = Follower({"a": log})
    appended(log, "x" * (BACKLOG_LIMIT_BYTES + 1))
    appended(log, "\n")
    (only,) = lines_until_stop(follower)
    assert "left out" in only


def test_a_log_above_its_limit_is_moved_aside_and_goes_on_empty(tmp_path):
    log = tmp_path / "a.log"
    with log.open("a") as writer:
        writer.write("0123456789")
        writer.flush()
        assert shorten(log, limit_bytes=9)
        writer.write("after")
    assert (tmp_path / "a.log.1").read_text() == "0123456789"
    assert log.read_text() == "after"


def test_a_log_within_its_limit_is_left_alone(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("0123456789")
    assert not shorten(log, limit_bytes=10)
    assert log.read_text() == "0123456789"
