"""Plans: which exercises on which days, in an order that spares the patient."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from motion.template import ExerciseTemplate
from motion.texts import in_language
from server.access import CARE, TREATMENT, Kind, Visit
from server.api import Id, Limit, Offset, allowed
from server.api.prescriptions import Side
from server.errors import RequestError, RequestFault
from server.plan_order import Needs, by_position_and_strap
from server.prescribing import prescribed, sides
from server.store.models import Patient, Plan, PlannedExercise, Prescription, new_id

router = APIRouter(prefix="/api", tags=["plans"])

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class PlanLine(BaseModel):
    """An exercise of a plan."""

    model_config = ConfigDict(extra="forbid")

    prescription_id: str = Field(max_length=64)
    side: Side = "none"


class PlanBody(BaseModel):
    """fixed_order: the exercises stay in the order given; else they are done by position and strap,
    so that the patient lies down and gets up once."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Back, first weeks",
                    "days": ["monday", "wednesday", "friday"],
                    "exercises": [
                        {"prescription_id": "0c1f0d4f5b0f4f3e9a8d7c6b5a493827", "side": "none"}
                    ],
                }
            ]
        },
    )

    name: str = Field(min_length=1, max_length=200)
    days: list[Day] = Field(min_length=1, max_length=7)
    exercises: list[PlanLine] = Field(min_length=1, max_length=50)
    fixed_order: bool = False


class PlannedView(BaseModel):
    """An exercise of a plan, its name in the patient's language."""

    prescription_id: str
    side: Side
    template_id: str
    name: str
    position: str
    sensors: list[str]


class PlanView(BaseModel):
    """exercises: in the order to do them."""

    id: str
    patient_id: str
    name: str
    days: list[Day]
    fixed_order: bool
    exercises: list[PlannedView]
    created_at: datetime


def _view(visit: Visit, plan: Plan) -> PlanView:
    patient = visit.db.get_one(Patient, plan.patient_id)
    templates = [
        prescribed(each.prescription.template, each.prescription.overrides, each.side)
        for each in plan.exercises
    ]
    order = list(range(len(templates)))
    if not plan.fixed_order:
        needs = [
            Needs.of(template, each.side)
            for template, each in zip(templates, plan.exercises, strict=True)
        ]
        order = by_position_and_strap(needs)
    return PlanView.model_validate(
        {
            "id": plan.id,
            "patient_id": plan.patient_id,
            "name": plan.name,
            "days": plan.days,
            "fixed_order": plan.fixed_order,
            "exercises": [
                {
                    "prescription_id": plan.exercises[at].prescription_id,
                    "side": plan.exercises[at].side,
                    "template_id": templates[at].id,
                    "name": in_language(templates[at], patient.user.language).name,
                    "position": templates[at].position,
                    "sensors": list(templates[at].slots),
                }
                for at in order
            ],
            "created_at": plan.created_at,
        }
    )


def _lines(visit: Visit, patient_id: str, body: PlanBody) -> list[PlannedExercise]:
    lines = []
    for place, line in enumerate(body.exercises):
        found = visit.db.get(Prescription, line.prescription_id)
        if found is None or found.patient_id != patient_id:
            raise RequestError(
                RequestFault.INVALID,
                f"exercises.{place}.prescription_id: this patient has no such prescription; "
                "prescribe the exercise first.",
            )
        allowed_sides = sides(ExerciseTemplate.from_document(found.template))
        if line.side not in allowed_sides:
            raise RequestError(
                RequestFault.INVALID,
                f"exercises.{place}.side: this exercise is done {' or '.join(allowed_sides)}.",
            )
        lines.append(PlannedExercise(id=new_id(), place=place, side=line.side, prescription=found))
    return lines


@router.get("/patients/{patient_id}/plans")
def list_plans(
    visit: Annotated[Visit, allowed(CARE, Kind.PATIENT)],
    patient_id: Id,
    limit: Limit = 100,
    offset: Offset = 0,
) -> list[PlanView]:
    """A patient's plans, oldest first."""
    rows = visit.db.scalars(
        select(Plan)
        .where(Plan.patient_id == visit.target.id)
        .order_by(Plan.created_at, Plan.id)
        .limit(limit)
        .offset(offset)
    )
    return [_view(visit, each) for each in rows]


@router.post("/patients/{patient_id}/plans", status_code=201)
def create_plan(
    visit: Annotated[Visit, allowed(TREATMENT, Kind.PATIENT)], patient_id: Id, body: PlanBody
) -> PlanView:
    """Make a plan of a patient's prescriptions."""
    plan = Plan(
        id=new_id(), patient_id=visit.target.id, name=body.name, days=list(body.days),
        fixed_order=body.fixed_order, created_at=visit.now,
        exercises=_lines(visit, visit.target.id, body),
    )  # fmt: skip
    visit.db.add(plan)
    visit.db.flush()
    visit.object_id = plan.id
    return _view(visit, plan)


@router.get("/plans/{plan_id}")
def read_plan(visit: Annotated[Visit, allowed(CARE, Kind.PLAN)], plan_id: Id) -> PlanView:
    """One plan."""
    return _view(visit, visit.target)


@router.put("/plans/{plan_id}")
def change_plan(
    visit: Annotated[Visit, allowed(TREATMENT, Kind.PLAN)], plan_id: Id, body: PlanBody
) -> PlanView:
    """Put another plan in the place of this one."""
    plan: Plan = visit.target
    lines = _lines(visit, plan.patient_id, body)
    plan.exercises.clear()
    # The places must be free before others take them.
    visit.db.flush()
    plan.name, plan.days, plan.fixed_order = body.name, list(body.days), body.fixed_order
    plan.exercises.extend(lines)
    visit.db.flush()
    return _view(visit, plan)


@router.delete("/plans/{plan_id}", status_code=204)
def delete_plan(visit: Annotated[Visit, allowed(TREATMENT, Kind.PLAN)], plan_id: Id) -> None:
    """Delete a plan; its prescriptions stay."""
    visit.db.delete(visit.target)
