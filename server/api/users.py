"""Accounts of those who work with the server; patients have routes of their own."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select

from server import auth
from server.access import ADMINISTRATION, Kind, Visit
from server.api import Id, Limit, Offset, allowed
from server.api.accounts import Invited, Language, Login, Name, invited, new_account
from server.errors import RequestError, RequestFault
from server.store.models import Role, User

router = APIRouter(prefix="/api/users", tags=["users"])

Administration = Annotated[Visit, allowed(ADMINISTRATION)]
OneUser = Annotated[Visit, allowed(ADMINISTRATION, Kind.USER)]


class NewUser(BaseModel):
    model_config = ConfigDict(extra="forbid")

    login: Login
    name: Name
    role: Literal[Role.PHYSIOTHERAPIST, Role.ADMINISTRATOR]
    language: Language = "en"


class UserChange(BaseModel):
    """What is left out stays. active: false signs out and keeps out."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    language: Language | None = None
    active: bool | None = None


class UserView(BaseModel):
    id: str
    login: str
    name: str
    role: Role
    language: str
    active: bool
    invited: bool
    created_at: datetime


def _view(user: User) -> UserView:
    return UserView(
        id=user.id, login=user.login, name=user.name, role=user.what, language=user.language,
        active=user.active, invited=user.password_hash is None, created_at=user.created_at,
    )  # fmt: skip


@router.get("")
def list_users(visit: Administration, limit: Limit = 100, offset: Offset = 0) -> list[UserView]:
    """All accounts, by login."""
    rows = visit.db.scalars(select(User).order_by(User.login).limit(limit).offset(offset))
    return [_view(each) for each in rows]


@router.post("", status_code=201)
def create_user(visit: Administration, new: NewUser) -> Invited:
    """Make an account, and a link with which its owner sets a password."""
    user = new_account(visit, new.login, new.name, new.role, new.language)
    visit.object_id = user.id
    return invited(visit, user)


@router.get("/{user_id}")
def read_user(visit: OneUser, user_id: Id) -> UserView:
    """One account."""
    return _view(visit.target)


@router.patch("/{user_id}")
def change_user(visit: OneUser, user_id: Id, change: UserChange) -> UserView:
    """Change an account. The last administrator who can sign in stays."""
    user: User = visit.target
    for name, value in change.model_dump(exclude_none=True).items():
        setattr(user, name, value)
    visit.db.flush()
    if not user.active:
        auth.close_sessions(visit.db, user.id)
        left = visit.db.scalar(
            select(func.count()).where(
                User.role == Role.ADMINISTRATOR, User.active, User.password_hash.is_not(None)
            )
        )
        if not left:
            raise RequestError(
                RequestFault.CONFLICT,
                "Nobody could administer this server any more; make another administrator first.",
            )
    return _view(user)


@router.post("/{user_id}/invitation", status_code=201)
def invite_user(visit: OneUser, user_id: Id) -> Invited:
    """A new link, for who has lost the first one or the password."""
    return invited(visit, visit.target)
