import pytest

from ops.startup_cache import StartupCache


@pytest.fixture
def cache(tmp_path):
    cache = StartupCache(tmp_path)
    cache.file.write_bytes(b"learned")
    return cache


def test_without_a_file_the_broker_starts_without_it(tmp_path):
    assert StartupCache(tmp_path).options() == ()


def test_a_file_that_is_there_is_used(cache):
    assert cache.options()[0] == f"-XX:AOTCache={cache.file}"


def test_a_cache_with_which_the_broker_never_answers_is_left_aside_after_two_starts(cache):
    assert cache.options()
    assert cache.options()
    assert cache.options() == ()
    assert cache.file.exists()


def test_a_cache_is_deleted_when_the_broker_answers_only_without_it(cache):
    for _ in range(3):
        cache.options()
    cache.answered()
    assert not cache.file.exists()


def test_a_cache_that_served_once_is_not_blamed_for_later_deaths(cache):
    for _ in range(5):
        assert cache.options()
        cache.answered()
    assert cache.file.exists()
