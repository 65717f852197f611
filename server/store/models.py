"""The tables. What may stand in them; who may read them is `access`'s.

A change here needs a migration in `migrations/versions`; a test holds the two equal.
"""

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    MetaData,
    String,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Role(StrEnum):
    PATIENT = "patient"
    PHYSIOTHERAPIST = "physiotherapist"
    ADMINISTRATOR = "administrator"


class UtcTime(TypeDecorator[datetime]):
    """A moment, in UTC on the way in and out; SQLite forgets the zone in between."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def new_id() -> str:
    """An id that nobody can guess."""
    return uuid.uuid4().hex


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: UtcTime(),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
        str: String(200),
    }


class User(Base):
    """Somebody who can sign in. password_hash: None until an invitation is accepted."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role in ('patient', 'physiotherapist', 'administrator')", name="role"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str] = mapped_column(String(20))
    language: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str | None]
    active: Mapped[bool]
    created_at: Mapped[datetime]

    @property
    def what(self) -> Role:
        """The role, typed."""
        return Role(self.role)


class Patient(Base):
    """A person in treatment: an account, and the physiotherapist who is responsible."""

    __tablename__ = "patients"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    physiotherapist_id: Mapped[str] = mapped_column(
        ForeignKey("users.id", ondelete="RESTRICT"), index=True
    )
    created_at: Mapped[datetime]

    user: Mapped[User] = relationship(foreign_keys=[user_id], lazy="joined")


class LoginSession(Base):
    """Somebody signed in. token_hash: SHA-256 of a token that only the client has."""

    __tablename__ = "login_sessions"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    user: Mapped[User] = relationship(lazy="joined")


class Invitation(Base):
    """A one-time way to set a password. token_hash: as of a login session."""

    __tablename__ = "invitations"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]


class Prescription(Base):
    """A template's version for a patient. template: the whole document, so that a later version of
    the library changes nothing. overrides: fields that differ, by side, `none` for both."""

    __tablename__ = "prescriptions"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    patient_id: Mapped[str] = mapped_column(
        ForeignKey("patients.id", ondelete="CASCADE"), index=True
    )
    template_id: Mapped[str] = mapped_column(String(64))
    template_version: Mapped[int]
    template: Mapped[dict[str, Any]]
    overrides: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Plan(Base):
    """What a patient does on which days. fixed_order: the therapist's order stays."""

    __tablename__ = "plans"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    patient_id: Mapped[str] = mapped_column(
        ForeignKey("patients.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str]
    days: Mapped[list[str]]
    fixed_order: Mapped[bool]
    created_at: Mapped[datetime]

    exercises: Mapped[list["PlannedExercise"]] = relationship(
        order_by="PlannedExercise.place",
        cascade="all, delete-orphan",
        passive_deletes=True,
        lazy="selectin",
    )


class PlannedExercise(Base):
    """One line of a plan. place: the therapist's order, from 0."""

    __tablename__ = "planned_exercises"
    __table_args__ = (
        UniqueConstraint("plan_id", "place"),
        CheckConstraint("side in ('none', 'left', 'right')", name="side"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id", ondelete="CASCADE"))
    prescription_id: Mapped[str] = mapped_column(
        ForeignKey("prescriptions.id", ondelete="CASCADE"), index=True
    )
    place: Mapped[int]
    side: Mapped[str] = mapped_column(String(5))

    prescription: Mapped[Prescription] = relationship(lazy="joined")


class AuditEntry(Base):
    """Who read or changed what, and when. Ids are no references: the trail outlives its objects.

    entry_hash: over the fields and the entry before, see `audit`."""

    __tablename__ = "audit_log"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor_id: Mapped[str] = mapped_column(String(32))
    actor_role: Mapped[str] = mapped_column(String(20))
    action: Mapped[str]
    object_id: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(20))
    request_id: Mapped[str] = mapped_column(String(64))
    previous_hash: Mapped[str] = mapped_column(String(64))
    entry_hash: Mapped[str] = mapped_column(String(64))
