"""Every route of the app x every role and nobody x own and foreign object, against its rule.

The routes come from the app itself. What is expected follows from the rule that each states, and
docs/server.md holds the table of rules, so that a rule cannot change unnoticed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from server.access import Access, Stated, stated_rule
from server.app import create_app
from server.settings import Settings
from server.store.models import Role
from tests.server.service.conftest import CHEAP, Client, Clinic

PAGE = Path(__file__).parents[3] / "docs" / "server.md"

# Valid bodies, so that what is refused is refused for who asks.
BODIES: dict[str, Any] = {
    "POST /api/login": {"login": "nobody", "password": "nothing"},
    "POST /api/invitations/accept": {"token": "none", "password": "four words of mine"},
    "POST /api/users": {"login": "new", "name": "New", "role": "physiotherapist"},
    "PATCH /api/users/{user_id}": {"name": "Other"},
    "POST /api/patients": {"login": "new", "name": "New"},
    "PATCH /api/patients/{patient_id}": {"name": "Other"},
    "POST /api/patients/{patient_id}/prescriptions": {"template_id": "squat"},
    "PUT /api/prescriptions/{prescription_id}/overrides": {"overrides": {}},
}
PLAN_ROUTES = ("POST /api/patients/{patient_id}/plans", "PUT /api/plans/{plan_id}")


def routes(tmp: Path) -> list[BaseRoute]:
    app = create_app(Settings(data_folder=tmp, **CHEAP), warming=lambda: ())
    return list(app.routes)


@dataclass(frozen=True)
class Named:
    """A route as the table names it."""

    name: str
    stated: Stated


def named(found: list[BaseRoute]) -> list[Named]:
    result = []
    for route in found:
        assert isinstance(route, APIRoute), f"{route} states no rule; make it an APIRoute"
        stated = stated_rule(route)
        assert stated is not None, f"{route.path} states no rule; add one of server/access.py"
        methods = sorted(route.methods or ())
        assert len(methods) == 1, f"{route.path} takes {methods}; make a route of each"
        result.append(Named(f"{methods[0]} {route.path}", stated))
    return result


def test_every_route_states_one_rule_and_the_page_tells_it(tmp_path: Path) -> None:
    rows = [f"| `{each.name}` | {each.stated.rule.words} |" for each in named(routes(tmp_path))]
    told = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    # Settings stand in a table too; a route is two words.
    assert [line for line in told if " " in line.split("`")[1]] == rows


def test_a_route_without_a_rule_is_found(tmp_path: Path) -> None:
    app = create_app(Settings(data_folder=tmp_path, **CHEAP), warming=lambda: ())
    app.add_api_route("/new", lambda: None)
    with pytest.raises(AssertionError, match="/new states no rule"):
        named(list(app.routes))


def test_ids_in_paths_are_of_the_kind_that_the_rule_checks(tmp_path: Path) -> None:
    for each in named(routes(tmp_path)):
        ids = [part[1:-1] for part in each.name.split("/") if part.endswith("_id}")]
        kind = each.stated.kind
        # Exercises are the library's, not anybody's.
        assert ids in ([], ["exercise_id"]) if kind is None else [f"{kind}_id"] == ids


ROLES: tuple[Role | None, ...] = (None, *Role)


@pytest.mark.parametrize("foreign", [False, True], ids=["own", "foreign"])
@pytest.mark.parametrize("role", ROLES, ids=lambda role: str(role or "nobody"))
def test_every_route_answers_as_its_rule_says(
    clinic: Clinic, role: Role | None, foreign: bool
) -> None:
    asker = {
        None: clinic.service.client(address="192.0.2.1"),
        Role.PATIENT: clinic.paul,
        Role.PHYSIOTHERAPIST: clinic.thea,
        Role.ADMINISTRATOR: clinic.administrator,
    }[role]
    login = {Role.PATIENT: "paul", Role.PHYSIOTHERAPIST: "thea"}.get(
        role or Role.ADMINISTRATOR, "administrator"
    )
    user_id = _id(clinic.petra if foreign else asker)
    shared = _objects(clinic, foreign)
    checked = 0
    for each in named(list(clinic.service.app.routes)):
        # What is deleted is made anew for whoever may.
        ids = _objects(clinic, foreign) if each.name.startswith("DELETE") else shared
        ids = {**ids, "user_id": user_id}
        if each.name == "DELETE /api/patients/{patient_id}":
            # Not the one whose objects the other routes are asked for.
            therapist = clinic.tom if foreign else clinic.thea
            ids["patient_id"] = clinic.take_on(therapist, "leaving")
        answer = _ask(asker, each.name, ids)
        expected = _expected(each.stated, role, foreign)
        if expected is None:
            assert answer.status_code not in (401, 403, 404) or each.name == "POST /api/login", (
                each.name,
                answer.text,
            )
        else:
            assert answer.status_code == expected, (each.name, answer.text)
        checked += 1
        if role is not None and each.name == "POST /api/logout":
            asker.sign_in(login)
    assert checked > 30


def _expected(stated: Stated, role: Role | None, foreign: bool) -> int | None:
    """The status of a refusal; None where it is allowed."""
    rule = stated.rule
    # The app sees 127.0.0.1 for those who are signed in here.
    if rule.anyone or (rule.local and role is not None):
        return None
    if role is None:
        return 401
    if role not in rule.roles:
        return 403
    if isinstance(stated, Access) and stated.kind is not None and foreign:
        return None if role in rule.every else 404
    return None


def _id(client: Client) -> str:
    answer = client("GET", "/api/me")
    return str(answer.json().get("id", "0" * 32))


def _objects(clinic: Clinic, foreign: bool) -> dict[str, str]:
    """Objects of a patient of thea's, or of tom's; paul's own where they are not foreign."""
    therapist = clinic.tom if foreign else clinic.thea
    patient_id = clinic.petra_id if foreign else clinic.paul_id
    prescription_id = clinic.prescribe(therapist, patient_id)
    unused = clinic.prescribe(therapist, patient_id)
    return {
        "patient_id": patient_id,
        "prescription_id": unused,
        "planned": prescription_id,
        "plan_id": clinic.plan(therapist, patient_id, prescription_id),
        "exercise_id": "squat",
    }


def _ask(asker: Client, name: str, ids: dict[str, str]) -> Any:
    method, path = name.split(" ")
    body = BODIES.get(name)
    if name in PLAN_ROUTES:
        body = {
            "name": "Back",
            "days": ["monday"],
            "exercises": [{"prescription_id": ids["planned"]}],
        }
    return asker(method, path.format(**ids), json=body)


def test_what_is_foreign_is_told_as_what_is_not_there(clinic: Clinic) -> None:
    foreign = clinic.thea("GET", f"/api/patients/{clinic.petra_id}")
    absent = clinic.thea("GET", f"/api/patients/{'0' * 32}")
    assert foreign.status_code == absent.status_code == 404
    assert foreign.json()["detail"] == absent.json()["detail"]


def test_lists_hold_what_is_one_s_own(clinic: Clinic) -> None:
    def names(client: Client) -> list[str]:
        return [each["name"] for each in client("GET", "/api/patients").json()]

    assert names(clinic.thea) == ["Paul"]
    assert names(clinic.tom) == ["Petra"]
    assert names(clinic.administrator) == ["Paul", "Petra"]
