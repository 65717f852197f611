"""Signing in and out, accepting an invitation, and who one is."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from server import auth
from server.access import SIGNED_IN, Anyone, Visit
from server.api import allowed
from server.errors import RequestError, RequestFault
from server.store import audit
from server.store.models import Patient, Role, User

router = APIRouter(prefix="/api", tags=["login"])
_anyone = Anyone()


class Credentials(BaseModel):
    """deliver: `cookie` for pages, `token` for apps, which send it as a bearer token."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"login": "mia", "password": "four words of mine", "deliver": "cookie"}]
        },
    )

    login: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=1, max_length=auth.LONGEST_PASSWORD)
    deliver: Literal["cookie", "token"] = "cookie"


class SignedIn(BaseModel):
    """csrf_token: to be sent as X-CSRF-Token with every change, by pages. token: for apps."""

    user_id: str
    expires_at: datetime
    csrf_token: str | None = None
    token: str | None = None


class Acceptance(BaseModel):
    """The token stands in the link after the #."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"token": "tYB4...", "password": "four words of my own"}]},
    )

    token: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=auth.SHORTEST_PASSWORD, max_length=auth.LONGEST_PASSWORD)


class Accepted(BaseModel):
    login: str


class Me(BaseModel):
    """patient_id: of a patient's own record."""

    id: str
    login: str
    name: str
    role: Role
    language: str
    patient_id: str | None = None
    csrf_token: str | None = None


@router.post("/login", dependencies=[Depends(_anyone)])
async def login(credentials: Credentials, request: Request, response: Response) -> SignedIn:
    """Sign in. A wrong password and an unknown login are answered alike, and as slowly."""
    state = request.app.state
    name = credentials.login.strip().lower()
    client = request.client.host if request.client else ""
    for key in (f"client {client}", f"login {auth.token_hash(name)}"):
        wait_s = state.logins.wait_s(key)
        if wait_s > 0:
            raise RequestError(
                RequestFault.TOO_MANY_REQUESTS,
                "Too many logins were tried; wait as long as Retry-After says.",
                retry_after_s=wait_s,
            )

    def look_up(db: Session) -> User | None:
        return db.scalars(select(User).where(User.login == name, User.active)).first()

    user: User | None = await state.store.run(look_up)
    known = None if user is None else user.password_hash
    matches = await state.passwords.matches(known, credentials.password)
    now = datetime.now(UTC)

    def note(db: Session) -> auth.Opened | None:
        found = None if user is None else db.get(User, user.id)
        # The account may have changed while the password was compared.
        fine = matches and found is not None and found.active and found.password_hash == known
        deed = audit.Deed(
            at=now,
            actor_id=found.id if found else "",
            actor_role=found.role if found else "",
            action="login",
            object_id="",
            outcome="done" if fine else "refused",
            request_id=request.state.request_id,
        )
        audit.append(db, deed)
        if not fine or found is None:
            return None
        return auth.open_session(db, found, now, state.settings.session_hours)

    opened: auth.Opened | None = await state.store.run(note)
    if opened is None or user is None:
        state.measures.refused_logins.inc()
        raise RequestError(RequestFault.LOGIN_FAILED, "Login or password is not right; try again.")
    told = SignedIn(user_id=user.id, expires_at=opened.expires_at)
    if credentials.deliver == "token":
        return told.model_copy(update={"token": opened.token})
    response.set_cookie(
        auth.COOKIE,
        opened.token,
        max_age=int(state.settings.session_hours * 3600),
        httponly=True,
        secure=state.settings.secure,
        samesite="strict",
    )
    return told.model_copy(update={"csrf_token": auth.csrf_token(opened.token)})


@router.post("/logout", status_code=204)
def logout(visit: Annotated[Visit, allowed(SIGNED_IN)], response: Response) -> None:
    """End this session."""
    visit.db.delete(visit.session)
    response.delete_cookie(auth.COOKIE)


@router.post("/invitations/accept", dependencies=[Depends(_anyone)])
async def accept_invitation(acceptance: Acceptance, request: Request) -> Accepted:
    """Set one's password with the token of an invitation, which works once; then sign in."""
    state = request.app.state
    client = request.client.host if request.client else ""
    wait_s = state.logins.wait_s(f"client {client}")
    if wait_s > 0:
        raise RequestError(
            RequestFault.TOO_MANY_REQUESTS,
            "Too many invitations were tried; wait as long as Retry-After says.",
            retry_after_s=wait_s,
        )
    hashed = await state.passwords.hash(acceptance.password)
    now = datetime.now(UTC)

    def take(db: Session) -> str:
        user = auth.accept(db, acceptance.token, hashed, now)
        deed = audit.Deed(
            now, user.id, user.role, "accept_invitation", user.id, "done",
            request.state.request_id,
        )  # fmt: skip
        audit.append(db, deed)
        return user.login

    return Accepted(login=await state.store.run(take))


@router.get("/me")
def me(visit: Annotated[Visit, allowed(SIGNED_IN)]) -> Me:
    """Who is signed in."""
    user = visit.user
    patient = visit.db.scalars(select(Patient.id).where(Patient.user_id == user.id)).first()
    return Me(
        id=user.id,
        login=user.login,
        name=user.name,
        role=user.what,
        language=user.language,
        patient_id=patient,
        csrf_token=auth.csrf_token(visit.token) if visit.by_cookie else None,
    )
