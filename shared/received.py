"""What a record that came tells: whether anybody still waits for it, and which message it is."""

from datetime import datetime, timedelta

from shared.dead_letters import Record
from shared.handlers import Registered
from shared.messaging import Envelope, Message, Poison

CLOCKS_AGREE_WITHIN = timedelta(seconds=2)


def is_expired(envelope: Envelope, now: datetime) -> bool:
    """Whether nobody waits for this any more; clocks may differ by two seconds.

    What was set aside has been waited for by us, and does not expire.
    """
    if envelope.waiting_since is not None:
        return False
    return envelope.expires_at is not None and envelope.expires_at < now - CLOCKS_AGREE_WITHIN


def decode(registered: Registered, record: Record) -> Message:
    """The record's body as the registered message.

    Raises:
        Poison: empty, or not what the schema says.
    """
    if not record.value:
        raise Poison("bad_envelope", "the value is empty")
    return registered.message.from_json(record.value)
