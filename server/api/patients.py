"""People in treatment: made by their physiotherapist, who hands over a one-time link."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from server.access import (
    DISCHARGE,
    RECORD,
    RECORDS,
    THERAPIST,
    TREATMENT,
    Kind,
    Visit,
    patients_of,
)
from server.api import Id, Limit, Offset, allowed
from server.api.accounts import Invited, Language, Login, Name, invited, new_account
from server.errors import RequestError, RequestFault
from server.store.models import Patient, Role, User, new_id

router = APIRouter(prefix="/api/patients", tags=["patients"])


class NewPatient(BaseModel):
    model_config = ConfigDict(extra="forbid")

    login: Login
    name: Name
    language: Language = "en"


class PatientChange(BaseModel):
    """What is left out stays. physiotherapist_id: hands the patient over."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    language: Language | None = None
    physiotherapist_id: str | None = None


class PatientView(BaseModel):
    id: str
    user_id: str
    name: str
    language: str
    physiotherapist_id: str
    invited: bool
    created_at: datetime


class InvitedPatient(Invited):
    patient_id: str


def _view(patient: Patient) -> PatientView:
    return PatientView(
        id=patient.id,
        user_id=patient.user_id,
        name=patient.user.name,
        language=patient.user.language,
        physiotherapist_id=patient.physiotherapist_id,
        invited=patient.user.password_hash is None,
        created_at=patient.created_at,
    )


@router.get("")
def list_patients(
    visit: Annotated[Visit, allowed(RECORDS)], limit: Limit = 100, offset: Offset = 0
) -> list[PatientView]:
    """One's patients; for administrators, all."""
    rows = visit.db.scalars(
        select(Patient)
        .where(patients_of(visit.user))
        .order_by(Patient.created_at, Patient.id)
        .limit(limit)
        .offset(offset)
    )
    return [_view(each) for each in rows]


@router.post("", status_code=201)
def create_patient(visit: Annotated[Visit, allowed(THERAPIST)], new: NewPatient) -> InvitedPatient:
    """Take on a patient, and get the link to hand over."""
    user = new_account(visit, new.login, new.name, Role.PATIENT, new.language)
    patient = Patient(
        id=new_id(), user_id=user.id, physiotherapist_id=visit.user.id, created_at=visit.now
    )
    visit.db.add(patient)
    visit.object_id = patient.id
    return InvitedPatient(patient_id=patient.id, **invited(visit, user).model_dump())


@router.get("/{patient_id}")
def read_patient(
    visit: Annotated[Visit, allowed(RECORD, Kind.PATIENT)], patient_id: Id
) -> PatientView:
    """One patient."""
    return _view(visit.target)


@router.patch("/{patient_id}")
def change_patient(
    visit: Annotated[Visit, allowed(DISCHARGE, Kind.PATIENT)],
    patient_id: Id,
    change: PatientChange,
) -> PatientView:
    """Change a patient's account, or hand the patient over to another physiotherapist."""
    patient: Patient = visit.target
    if change.name is not None:
        patient.user.name = change.name
    if change.language is not None:
        patient.user.language = change.language
    if change.physiotherapist_id is not None:
        therapist = visit.db.get(User, change.physiotherapist_id)
        if therapist is None or therapist.what is not Role.PHYSIOTHERAPIST or not therapist.active:
            raise RequestError(
                RequestFault.INVALID,
                "physiotherapist_id: nobody with this id is a physiotherapist here; give another.",
            )
        patient.physiotherapist_id = therapist.id
    return _view(patient)


@router.delete("/{patient_id}", status_code=204)
def delete_patient(
    visit: Annotated[Visit, allowed(DISCHARGE, Kind.PATIENT)], patient_id: Id
) -> None:
    """Delete a patient and all that belongs to them; the audit log keeps ids alone."""
    visit.db.delete(visit.target.user)


@router.post("/{patient_id}/invitation", status_code=201)
def invite_patient(
    visit: Annotated[Visit, allowed(TREATMENT, Kind.PATIENT)], patient_id: Id
) -> Invited:
    """A new link, for who has lost the first one or the password."""
    return invited(visit, visit.target.user)
