"""The audit log, for administrators: who read or changed what, and whether the chain holds."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from server.access import ADMINISTRATION, Visit
from server.api import Limit, Offset, allowed
from server.store import audit
from server.store.models import AuditEntry

router = APIRouter(prefix="/api/audit", tags=["audit"])


class EntryView(BaseModel):
    """outcome: done, refused, forbidden or not_found."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    at: datetime
    actor_id: str
    actor_role: str
    action: str
    object_id: str
    outcome: str
    request_id: str
    entry_hash: str


class ChainView(BaseModel):
    """broken_at: the first entry that is not as it was written; null when all are."""

    entries: int
    last_hash: str
    broken_at: int | None


@router.get("")
def list_audit(
    visit: Annotated[Visit, allowed(ADMINISTRATION)], limit: Limit = 100, offset: Offset = 0
) -> list[EntryView]:
    """Entries, newest first."""
    rows = visit.db.scalars(
        select(AuditEntry).order_by(AuditEntry.number.desc()).limit(limit).offset(offset)
    )
    return [EntryView.model_validate(each) for each in rows]


@router.get("/chain")
def verify_audit(visit: Annotated[Visit, allowed(ADMINISTRATION)]) -> ChainView:
    """Read the whole log and say whether it holds together."""
    found = audit.verify(visit.db)
    return ChainView(entries=found.entries, last_hash=found.last_hash, broken_at=found.broken_at)
