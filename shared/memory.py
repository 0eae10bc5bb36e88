"""How often Python looks for cycles of garbage; set once, when a process has made what it keeps for good."""

import gc

# A request makes some hundreds of objects and no cycles: the default of 700 would look through them at every
# second request, and find nothing.
ALLOCATIONS_BETWEEN_LOOKS = 50_000
YOUNG_LOOKS_BETWEEN_OLDER = 20


def settle() -> None:
    """Exempt everything that exists now from collection, and look for new garbage less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS_BETWEEN_LOOKS, YOUNG_LOOKS_BETWEEN_OLDER, YOUNG_LOOKS_BETWEEN_OLDER)
    gc.enable()
