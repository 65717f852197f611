"""Who may do what: every route states one rule, in one dependency, and is refused without it.

The rule knows roles and whose an object is. What is then done with it is the route's.
"""

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import anyio
from fastapi import Request
from fastapi.routing import APIRoute
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from server import auth
from server.border import SAFE_METHODS
from server.errors import RequestError, RequestFault
from server.settings import LOOPBACK, Settings
from server.store import audit
from server.store.database import Store
from server.store.models import LoginSession, Patient, Plan, Prescription, Role, User


class Kind(StrEnum):
    """What the id in a route's path names, as the parameter `KIND_id`."""

    USER = "user"
    PATIENT = "patient"
    PRESCRIPTION = "prescription"
    PLAN = "plan"


TABLES: Final[dict[Kind, type[User | Patient | Prescription | Plan]]] = {
    Kind.USER: User,
    Kind.PATIENT: Patient,
    Kind.PRESCRIPTION: Prescription,
    Kind.PLAN: Plan,
}


@dataclass(frozen=True)
class Rule:
    """own: roles that may, where a path names an object for objects of their own alone. every:
    roles that may for all objects. anyone: also without signing in. local: also unsigned from this
    machine. Objects that somebody may not see are as if they were not there."""

    words: str
    own: frozenset[Role] = frozenset()
    every: frozenset[Role] = frozenset()
    anyone: bool = False
    local: bool = False

    @property
    def roles(self) -> frozenset[Role]:
        """Roles that may at all."""
        return self.own | self.every


_ALL: Final = frozenset(Role)
_THERAPIST: Final = frozenset([Role.PHYSIOTHERAPIST])
_ADMINISTRATOR: Final = frozenset([Role.ADMINISTRATOR])

ANYONE: Final = Rule("anyone", anyone=True)
SIGNED_IN: Final = Rule("whoever is signed in", own=_ALL)
LOCAL: Final = Rule("this machine, administrators", every=_ADMINISTRATOR, local=True)
ADMINISTRATION: Final = Rule("administrators", every=_ADMINISTRATOR)
THERAPIST: Final = Rule("physiotherapists", own=_THERAPIST)
TREATMENT: Final = Rule("the patient's physiotherapist", own=_THERAPIST)
CARE: Final = Rule(
    "the patient, their physiotherapist", own=frozenset([Role.PATIENT, Role.PHYSIOTHERAPIST])
)
RECORDS: Final = Rule(
    "physiotherapists their patients, administrators all", own=_THERAPIST, every=_ADMINISTRATOR
)
RECORD: Final = Rule(
    "the patient, their physiotherapist, administrators",
    own=frozenset([Role.PATIENT, Role.PHYSIOTHERAPIST]),
    every=_ADMINISTRATOR,
)
DISCHARGE: Final = Rule(
    "the patient's physiotherapist, administrators", own=_THERAPIST, every=_ADMINISTRATOR
)


@dataclass
class Visit:
    """A request that is allowed. db: one transaction, committed when the route has returned.

    object_id: what the audit log names; a route that makes something sets it.
    """

    db: Session
    session: LoginSession
    token: str
    by_cookie: bool
    settings: Settings
    now: datetime
    object_id: str
    target: Any = None

    @property
    def user(self) -> User:
        """Who asks."""
        return self.session.user


class Stated:
    """A dependency that states the rule of its route."""

    rule: Rule
    kind: Kind | None = None


class Anyone(Stated):
    """For the few routes that are open; they say nothing about anybody."""

    rule = ANYONE

    async def __call__(self) -> None:
        """Everybody may."""


class Local(Stated):
    """From this machine, or by an administrator."""

    rule = LOCAL

    async def __call__(self, request: Request) -> None:
        """Raises RequestError for everybody else."""
        if request.client is not None and request.client.host in LOOPBACK:
            return
        store: Store = request.app.state.store

        def check(db: Session) -> None:
            session, _, _ = _signed_in(request, db, datetime.now(UTC))
            if session.user.what not in self.rule.roles:
                raise _forbidden(self.rule)

        await store.run(check)


class Access(Stated):
    """Signs the request in, checks rule and object, writes the audit log; gives a `Visit`."""

    def __init__(self, rule: Rule, kind: Kind | None = None) -> None:
        self.rule = rule
        self.kind = kind

    async def __call__(self, request: Request) -> AsyncIterator[Visit]:
        """Raises RequestError where the rule says no."""
        store: Store = request.app.state.store
        async with store.turn():
            db = store.session()
            try:
                try:
                    visit = await anyio.to_thread.run_sync(self._open, request, db)
                except RequestError:
                    # What was refused stands in the audit log too.
                    await anyio.to_thread.run_sync(db.commit)
                    raise
                yield visit
                await anyio.to_thread.run_sync(self._done, request, visit)
            finally:
                # Undoes what is not committed.
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(db.close)

    def _open(self, request: Request, db: Session) -> Visit:
        now = datetime.now(UTC)
        session, token, by_cookie = _signed_in(request, db, now)
        settings: Settings = request.app.state.settings
        if (
            by_cookie
            and request.method not in SAFE_METHODS
            and not secrets.compare_digest(
                request.headers.get(auth.CSRF_HEADER, "").encode(),
                auth.csrf_token(token).encode(),
            )
        ):
            raise RequestError(
                RequestFault.CSRF,
                f"Send the csrf_token of the login, or of /api/me, as {auth.CSRF_HEADER}.",
            )
        object_id = "" if self.kind is None else str(request.path_params[f"{self.kind}_id"])[:64]
        visit = Visit(db, session, token, by_cookie, settings, now, object_id)
        if visit.user.what not in self.rule.roles:
            self._write(request, visit, "forbidden")
            raise _forbidden(self.rule)
        if self.kind is not None:
            visit.target = db.get(TABLES[self.kind], object_id)
            if visit.target is None or not self._sees(visit):
                self._write(request, visit, "not_found")
                raise not_found(self.kind)
        return visit

    def _sees(self, visit: Visit) -> bool:
        user, target = visit.user, visit.target
        if user.what in self.rule.every:
            return True
        if isinstance(target, User):
            return target.id == user.id
        patient = target if isinstance(target, Patient) else visit.db.get(
            Patient, target.patient_id
        )  # fmt: skip
        return patient is not None and user.id in _owners(patient, user.what)

    def _done(self, request: Request, visit: Visit) -> None:
        self._write(request, visit, "done")
        visit.db.commit()

    def _write(self, request: Request, visit: Visit, outcome: str) -> None:
        route = request.scope.get("route")
        name = route.name if isinstance(route, APIRoute) else ""
        audit.append(
            visit.db,
            audit.Deed(
                at=visit.now,
                actor_id=visit.user.id,
                actor_role=visit.user.role,
                action=name,
                object_id=visit.object_id,
                outcome=outcome,
                request_id=request.state.request_id,
            ),
        )


def _owners(patient: Patient, role: Role) -> Iterator[str]:
    if role is Role.PATIENT:
        yield patient.user_id
    elif role is Role.PHYSIOTHERAPIST:
        yield patient.physiotherapist_id


def patients_of(user: User) -> ColumnElement[bool]:
    """Which rows of patients somebody may see; administrators all."""
    if user.what is Role.ADMINISTRATOR:
        return Patient.id.is_not(None)
    return Patient.physiotherapist_id == user.id


def _signed_in(request: Request, db: Session, now: datetime) -> tuple[LoginSession, str, bool]:
    """(session, token, whether it came as a cookie)."""
    kind, _, bearer = request.headers.get("authorization", "").partition(" ")
    by_cookie = kind.lower() != "bearer"
    token = request.cookies.get(auth.COOKIE, "") if by_cookie else bearer.strip()
    session = auth.session_of(db, token, now) if token else None
    if session is None:
        raise RequestError(
            RequestFault.NOT_SIGNED_IN, "Sign in first, with POST /api/login; sessions end by time."
        )
    return session, token, by_cookie


def _forbidden(rule: Rule) -> RequestError:
    return RequestError(RequestFault.FORBIDDEN, f"This is for {rule.words}; sign in as such.")


def not_found(kind: Kind) -> RequestError:
    """For what is not there, and for what somebody may not see: the two are told alike."""
    return RequestError(
        RequestFault.NOT_FOUND, f"There is no such {kind} that you may see; list those you may."
    )


def stated_rule(route: APIRoute) -> Stated | None:
    """The one dependency of a route that states its rule; None where it states none."""
    stated: list[Stated] = []
    for each in route.dependant.dependencies:
        call: object = each.call
        if isinstance(call, Stated):
            stated.append(call)
    return stated[0] if len(stated) == 1 else None


def login_exists(db: Session, login: str) -> bool:
    """Whether a login is taken."""
    return db.scalars(select(User.id).where(User.login == login)).first() is not None
