"""Exercises as prescribed: a template's version and what differs for a patient and side."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from motion.errors import TemplateError
from motion.template import ExerciseTemplate
from server.access import CARE, TREATMENT, Kind, Visit
from server.api import Id, Limit, Offset, allowed
from server.errors import RequestError, RequestFault
from server.prescribing import checked, prescribed, sides
from server.store.models import PlannedExercise, Prescription, new_id

router = APIRouter(prefix="/api", tags=["prescriptions"])

Side = Literal["none", "left", "right"]
Overrides = dict[Side, dict[Literal["range", "tempo", "dose"], dict[str, Any]]]


class NewPrescription(BaseModel):
    """Give template_id for an exercise of the library, or template, a whole document of one's own.

    overrides: by side, fields of range, tempo and dose that differ from the template; those of
    `none` hold for both sides.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "template_id": "lumbar-bend",
                    "overrides": {"none": {"range": {"goal_deg": 40}, "dose": {"sets": 3}}},
                }
            ]
        },
    )

    template_id: str | None = Field(default=None, max_length=64)
    template: dict[str, Any] | None = None
    overrides: Overrides = Field(default_factory=dict)


class OverridesChange(BaseModel):
    """The new overrides, in place of all before."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"overrides": {"none": {"dose": {"sets": 1}}}}]},
    )

    overrides: Overrides


class PrescriptionView(BaseModel):
    """resolved: the whole template as it is to be done, by each side that has targets of its own;
    `none` holds for the others."""

    id: str
    patient_id: str
    template_id: str
    template_version: int
    overrides: dict[str, Any]
    resolved: dict[str, dict[str, Any]]
    created_at: datetime


def _view(each: Prescription) -> PrescriptionView:
    template = ExerciseTemplate.from_document(each.template)
    return PrescriptionView(
        id=each.id,
        patient_id=each.patient_id,
        template_id=each.template_id,
        template_version=each.template_version,
        overrides=each.overrides,
        resolved={
            side: prescribed(each.template, each.overrides, side).document()
            for side in sides(template)
            if side in each.overrides or side == sides(template)[0]
        },
        created_at=each.created_at,
    )


def _template(new: NewPrescription) -> ExerciseTemplate:
    if (new.template_id is None) == (new.template is None):
        raise RequestError(RequestFault.INVALID, "Give either template_id or template.")
    try:
        if new.template is not None:
            return ExerciseTemplate.from_document(new.template)
        # An id alone: a path would read files of the server.
        wanted = str(new.template_id)
        if not wanted.replace("-", "").isalnum():
            raise RequestError(
                RequestFault.INVALID, "template_id: give an id of the library, see /api/exercises."
            )
        return ExerciseTemplate.load(wanted)
    except TemplateError as error:
        raise RequestError(RequestFault.INVALID, str(error)) from None


@router.get("/patients/{patient_id}/prescriptions")
def list_prescriptions(
    visit: Annotated[Visit, allowed(CARE, Kind.PATIENT)],
    patient_id: Id,
    limit: Limit = 100,
    offset: Offset = 0,
) -> list[PrescriptionView]:
    """A patient's prescriptions, oldest first."""
    rows = visit.db.scalars(
        select(Prescription)
        .where(Prescription.patient_id == visit.target.id)
        .order_by(Prescription.created_at, Prescription.id)
        .limit(limit)
        .offset(offset)
    )
    return [_view(each) for each in rows]


@router.post("/patients/{patient_id}/prescriptions", status_code=201)
def create_prescription(
    visit: Annotated[Visit, allowed(TREATMENT, Kind.PATIENT)],
    patient_id: Id,
    new: NewPrescription,
) -> PrescriptionView:
    """Prescribe an exercise. The template is kept whole: a later library changes nothing."""
    template = _template(new)
    document = template.document()
    overrides: dict[str, Any] = dict(new.overrides.items())
    checked(document, overrides)
    made = Prescription(
        id=new_id(), patient_id=visit.target.id, template_id=template.id,
        template_version=template.version, template=document, overrides=overrides,
        created_at=visit.now,
    )  # fmt: skip
    visit.db.add(made)
    visit.object_id = made.id
    return _view(made)


@router.get("/prescriptions/{prescription_id}")
def read_prescription(
    visit: Annotated[Visit, allowed(CARE, Kind.PRESCRIPTION)], prescription_id: Id
) -> PrescriptionView:
    """One prescription."""
    return _view(visit.target)


@router.put("/prescriptions/{prescription_id}/overrides")
def change_overrides(
    visit: Annotated[Visit, allowed(TREATMENT, Kind.PRESCRIPTION)],
    prescription_id: Id,
    change: OverridesChange,
) -> PrescriptionView:
    """Set other targets; the template's version stays."""
    each: Prescription = visit.target
    overrides: dict[str, Any] = dict(change.overrides.items())
    checked(each.template, overrides)
    each.overrides = overrides
    return _view(each)


@router.delete("/prescriptions/{prescription_id}", status_code=204)
def delete_prescription(
    visit: Annotated[Visit, allowed(TREATMENT, Kind.PRESCRIPTION)], prescription_id: Id
) -> None:
    """Delete a prescription that no plan uses."""
    used = select(PlannedExercise.id).where(PlannedExercise.prescription_id == visit.target.id)
    if visit.db.scalars(used).first() is not None:
        raise RequestError(
            RequestFault.CONFLICT, "A plan has this prescription; take it out of the plan first."
        )
    visit.db.delete(visit.target)
