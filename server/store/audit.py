"""The audit log: entries are added, each bound to the one before, and the chain can be verified.

The database itself refuses to change or delete entries (triggers of the first migration). Whoever
can write the file can still cut entries off its end: keep `verify`'s last hash elsewhere to see it.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from server.store.models import AuditEntry

FIRST: Final = "0" * 64
# Any number; it only keeps two writers of one chain apart.
POSTGRES_LOCK: Final = 0x60_41_0


@dataclass(frozen=True)
class Deed:
    """What somebody did. actor_id: empty for nobody known."""

    at: datetime
    actor_id: str
    actor_role: str
    action: str
    object_id: str
    outcome: str
    request_id: str


@dataclass(frozen=True)
class Verified:
    """What `verify` found. broken_at: number of the first entry that does not hold."""

    entries: int
    last_hash: str
    broken_at: int | None


def _hash(number: int, deed: Deed, previous: str) -> str:
    fields = [
        number, deed.at.isoformat(timespec="microseconds"), deed.actor_id, deed.actor_role,
        deed.action, deed.object_id, deed.outcome, deed.request_id, previous,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(fields, ensure_ascii=True).encode()).hexdigest()


def append(db: Session, deed: Deed) -> AuditEntry:
    """Add an entry, as part of the transaction of what it tells."""
    if db.get_bind().dialect.name == "postgresql":
        # SQLite has one writer at a time anyway.
        db.execute(text("select pg_advisory_xact_lock(:key)"), {"key": POSTGRES_LOCK})
    last = db.execute(
        select(AuditEntry.number, AuditEntry.entry_hash).order_by(AuditEntry.number.desc()).limit(1)
    ).first()
    number, previous = (1, FIRST) if last is None else (last.number + 1, last.entry_hash)
    entry = AuditEntry(
        number=number,
        at=deed.at,
        actor_id=deed.actor_id,
        actor_role=deed.actor_role,
        action=deed.action,
        object_id=deed.object_id,
        outcome=deed.outcome,
        request_id=deed.request_id,
        previous_hash=previous,
        entry_hash=_hash(number, deed, previous),
    )
    db.add(entry)
    db.flush()
    return entry


def verify(db: Session) -> Verified:
    """Whether every entry is the one that was written, and none is missing before the last."""
    previous, number = FIRST, 0
    rows = db.scalars(
        select(AuditEntry).order_by(AuditEntry.number).execution_options(yield_per=1000)
    )
    for entry in rows:
        number += 1
        deed = Deed(
            entry.at, entry.actor_id, entry.actor_role, entry.action, entry.object_id,
            entry.outcome, entry.request_id,
        )  # fmt: skip
        if (
            entry.number != number
            or entry.previous_hash != previous
            or entry.entry_hash != _hash(number, deed, previous)
        ):
            return Verified(number - 1, previous, number)
        previous = entry.entry_hash
    return Verified(number, previous, None)
