"""Who somebody is: passwords, login sessions, invitations; tokens, of which hashes alone are kept.

What a known person may do is `access`'s.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import anyio
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.errors import RequestError, RequestFault
from server.settings import Settings
from server.store.models import Invitation, LoginSession, Role, User, new_id

COOKIE: Final = "gonio_session"
CSRF_HEADER: Final = "X-CSRF-Token"

# NIST SP 800-63B-4 asks for 15 characters where a password stands alone.
SHORTEST_PASSWORD: Final = 15
LONGEST_PASSWORD: Final = 200
# Both cores of a small machine, and 19 MiB each.
HASHES_AT_ONCE: Final = 2

FIRST_LOGIN: Final = "administrator"


class Passwords:
    """argon2id hashes, as costly as the settings say."""

    def __init__(self, settings: Settings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_passes,
            memory_cost=settings.argon2_memory_kib,
            parallelism=1,
        )
        # What a password is checked against when nobody has that login: the same work.
        self._nobody = self._hasher.hash(secrets.token_urlsafe())
        self._at_once = anyio.CapacityLimiter(HASHES_AT_ONCE)

    async def hash(self, password: str) -> str:
        """The hash to keep."""
        return await anyio.to_thread.run_sync(self._hasher.hash, password, limiter=self._at_once)

    async def matches(self, known: str | None, password: str) -> bool:
        """Whether it is the password; as slow when there is none to compare with."""
        return await anyio.to_thread.run_sync(
            self._verify, self._nobody if known is None else known, password,
            limiter=self._at_once,
        ) and known is not None  # fmt: skip

    def _verify(self, known: str, password: str) -> bool:
        try:
            return self._hasher.verify(known, password)
        except (VerifyMismatchError, InvalidHashError):
            return False


def new_token() -> str:
    """256 bits that nobody can guess."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is kept of a token; it has no need of salt, being random itself."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_token(session_token: str) -> str:
    """What a page sends beside its cookie, which pages of others can neither read nor derive."""
    return hashlib.sha256(b"gonio csrf " + session_token.encode()).hexdigest()


@dataclass(frozen=True)
class Opened:
    """A session that has begun; its token is told once."""

    token: str
    expires_at: datetime


def open_session(db: Session, user: User, now: datetime, hours: float) -> Opened:
    """Sign somebody in, and forget the sessions that are over."""
    db.execute(delete(LoginSession).where(LoginSession.expires_at <= now))
    opened = Opened(new_token(), now + timedelta(hours=hours))
    db.add(
        LoginSession(
            user_id=user.id,
            token_hash=token_hash(opened.token),
            created_at=now,
            expires_at=opened.expires_at,
        )
    )
    return opened


def session_of(db: Session, token: str, now: datetime) -> LoginSession | None:
    """The session of a token, while it lasts and its user is active."""
    found = db.scalars(
        select(LoginSession).where(LoginSession.token_hash == token_hash(token))
    ).first()
    return found if found and found.expires_at > now and found.user.active else None


def close_sessions(db: Session, user_id: str) -> None:
    """Sign somebody out everywhere."""
    db.execute(delete(LoginSession).where(LoginSession.user_id == user_id))


def invite(db: Session, user: User, now: datetime, hours: float) -> Opened:
    """A one-time token to set a password with; those given before are void."""
    db.execute(delete(Invitation).where(Invitation.user_id == user.id))
    opened = Opened(new_token(), now + timedelta(hours=hours))
    db.add(
        Invitation(
            user_id=user.id, token_hash=token_hash(opened.token), expires_at=opened.expires_at
        )
    )
    return opened


def accept(db: Session, token: str, password_hash: str, now: datetime) -> User:
    """Set the password of whoever was invited, and sign them out everywhere else.

    Raises RequestError where the token is unknown, used or too old.
    """
    found = db.scalars(select(Invitation).where(Invitation.token_hash == token_hash(token))).first()
    user = None if found is None else db.get(User, found.user_id)
    if found is None or found.expires_at <= now or user is None or not user.active:
        raise RequestError(
            RequestFault.INVITATION,
            "This invitation is used up or too old; ask whoever sent it for a new one.",
        )
    db.delete(found)
    user.password_hash = password_hash
    close_sessions(db, user.id)
    return user


def first_invitation(db: Session, now: datetime, hours: float) -> Opened | None:
    """A way in while no administrator can sign in; the administrator is made at the first start."""
    administrators = db.scalars(select(User).where(User.role == Role.ADMINISTRATOR)).all()
    if any(each.password_hash is not None and each.active for each in administrators):
        return None
    first = next((each for each in administrators if each.login == FIRST_LOGIN), None)
    if first is None:
        first = User(
            id=new_id(), login=FIRST_LOGIN, name="Administrator", role=Role.ADMINISTRATOR,
            language="en", password_hash=None, active=True, created_at=now,
        )  # fmt: skip
        db.add(first)
        db.flush()
    first.active = True
    return invite(db, first, now, hours)


def invitation_link(settings: Settings, token: str) -> str:
    """The address that is handed over; what follows # never reaches a log or a proxy."""
    return f"{settings.origin}/invitation#{token}"
