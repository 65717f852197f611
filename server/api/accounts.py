"""What routes about users and about patients share: an account as it is made and shown."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from motion.texts import languages
from server import auth
from server.access import Visit, login_exists
from server.errors import RequestError, RequestFault
from server.store.models import Role, User, new_id


def _known(language: str) -> str:
    if language not in languages():
        raise ValueError(f"choose {' or '.join(languages())}")
    return language


Language = Annotated[str, AfterValidator(_known), Field(max_length=20, examples=["en"])]
Name = Annotated[str, Field(min_length=1, max_length=200, examples=["Mia Berg"])]
Login = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9._@+-]{1,99}$",
        description="Lower case; what the person signs in with.",
        examples=["mia"],
    ),
]


class Invited(BaseModel):
    """A one-time link to be handed over; told once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "user_id": "0c1f0d4f5b0f4f3e9a8d7c6b5a493827",
                    "link": "https://gonio.example/invitation#tYB4...",
                    "expires_at": "2026-01-05T09:00:00Z",
                }
            ]
        }
    )

    user_id: str
    link: str
    expires_at: datetime


def new_account(visit: Visit, login: str, name: str, role: Role, language: str) -> User:
    """Make an account without a password. Raises RequestError where the login is taken."""
    if login_exists(visit.db, login):
        raise RequestError(RequestFault.CONFLICT, "This login is taken; choose another.")
    user = User(
        id=new_id(), login=login, name=name, role=role, language=language, password_hash=None,
        active=True, created_at=visit.now,
    )  # fmt: skip
    visit.db.add(user)
    visit.db.flush()
    return user


def invited(visit: Visit, user: User) -> Invited:
    """A new invitation of somebody; those before are void."""
    opened = auth.invite(visit.db, user, visit.now, visit.settings.invitation_hours)
    return Invited(
        user_id=user.id,
        link=auth.invitation_link(visit.settings, opened.token),
        expires_at=opened.expires_at,
    )
