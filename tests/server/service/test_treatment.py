"""Patients, prescriptions, plans and the library, as a therapist and a patient use them."""

import json

import pytest

from motion.template import library_ids
from tests.server.service.conftest import PASSWORD, Clinic


def test_a_patient_taken_on_signs_in_and_sees_the_plan_in_their_language(clinic: Clinic) -> None:
    me = clinic.paul("GET", "/api/me").json()
    assert (me["role"], me["patient_id"]) == ("patient", clinic.paul_id)
    bend = clinic.prescribe(clinic.thea, clinic.paul_id)
    plan_id = clinic.plan(clinic.thea, clinic.paul_id, bend)
    (plan,) = clinic.paul("GET", f"/api/patients/{clinic.paul_id}/plans").json()
    assert plan["id"] == plan_id
    german = clinic.paul("GET", "/api/exercises/lumbar-bend").json()["name"]
    assert plan["exercises"][0]["name"] == german
    english = clinic.paul("GET", "/api/exercises/lumbar-bend", params={"language": "en"})
    assert english.json()["name"] != german


def test_targets_are_set_per_side_and_what_is_set_for_none_holds_for_both(clinic: Clinic) -> None:
    overrides = {"none": {"dose": {"sets": 3}}, "left": {"range": {"goal_deg": 100}}}
    made = clinic.thea.made(
        f"/api/patients/{clinic.paul_id}/prescriptions",
        {"template_id": "shoulder-abduction", "overrides": overrides},
    )
    assert made["template_version"] == 1
    assert made["overrides"] == overrides
    left, both = made["resolved"]["left"], made["resolved"]["none"]
    assert left["range"]["goal_deg"] == 100
    assert left["dose"]["sets"] == both["dose"]["sets"] == 3
    assert both["range"]["goal_deg"] != 100
    changed = clinic.thea(
        "PUT", f"/api/prescriptions/{made['id']}/overrides", json={"overrides": {}}
    )
    assert changed.json()["resolved"]["none"]["dose"]["sets"] != 3


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"template_id": "no-such"}, "no-such"),
        ({"template_id": "../../etc/passwd"}, "template_id"),
        ({"template_id": "other.yaml"}, "template_id"),
        ({}, "either"),
        ({"template_id": "squat", "overrides": {"none": {"range": {"goal_deg": 900}}}}, "range"),
        ({"template_id": "squat", "overrides": {"none": {"range": {"gaol_deg": 9}}}}, "gaol_deg"),
        ({"template_id": "side-plank-left", "overrides": {"right": {}}}, "overrides.right"),
        ({"template_id": "squat", "overrides": {"none": {"movement": {}}}}, "overrides"),
        ({"template": {"id": "mine"}}, "template"),
    ],
)
def test_a_prescription_that_nobody_could_do_is_refused_by_field(
    clinic: Clinic, body: dict[str, object], word: str
) -> None:
    answer = clinic.thea("POST", f"/api/patients/{clinic.paul_id}/prescriptions", json=body)
    assert answer.status_code == 422
    assert word in json.dumps(answer.json())


def test_a_template_of_one_s_own_is_kept_whole(clinic: Clinic) -> None:
    first = clinic.thea.made(
        f"/api/patients/{clinic.paul_id}/prescriptions", {"template_id": "squat"}
    )
    own = {**first["resolved"]["none"], "id": "my-squat", "version": 7}
    made = clinic.thea.made(f"/api/patients/{clinic.paul_id}/prescriptions", {"template": own})
    assert (made["template_id"], made["template_version"]) == ("my-squat", 7)
    read = clinic.paul("GET", f"/api/prescriptions/{made['id']}").json()
    assert read["resolved"]["none"] == own


def test_a_plan_lets_the_patient_lie_down_once_unless_the_order_is_fixed(clinic: Clinic) -> None:
    mixed = ["bridge", "squat", "pelvic-tilt", "lumbar-bend"]
    ids = [clinic.prescribe(clinic.thea, clinic.paul_id, each) for each in mixed]

    def order(**more: object) -> list[str]:
        plan_id = clinic.plan(clinic.thea, clinic.paul_id, *ids, **more)
        plan = clinic.paul("GET", f"/api/plans/{plan_id}").json()
        return [each["template_id"] for each in plan["exercises"]]

    assert order(fixed_order=True) == mixed
    spared = order()
    assert set(spared[:2]) == {"squat", "lumbar-bend"}
    assert set(spared[2:]) == {"bridge", "pelvic-tilt"}


def test_a_plan_is_replaced_whole(clinic: Clinic) -> None:
    one = clinic.prescribe(clinic.thea, clinic.paul_id, "squat")
    two = clinic.prescribe(clinic.thea, clinic.paul_id, "bridge")
    plan_id = clinic.plan(clinic.thea, clinic.paul_id, one, two)
    body = {"name": "Next", "days": ["friday"], "exercises": [{"prescription_id": two}]}
    changed = clinic.thea("PUT", f"/api/plans/{plan_id}", json=body)
    assert changed.status_code == 200
    read = clinic.paul("GET", f"/api/plans/{plan_id}").json()
    assert (read["name"], read["days"]) == ("Next", ["friday"])
    assert [each["template_id"] for each in read["exercises"]] == ["bridge"]


def test_a_plan_takes_no_prescription_of_another_patient(clinic: Clinic) -> None:
    foreign = clinic.prescribe(clinic.tom, clinic.petra_id)
    body = {"name": "x", "days": ["monday"], "exercises": [{"prescription_id": foreign}]}
    answer = clinic.thea("POST", f"/api/patients/{clinic.paul_id}/plans", json=body)
    assert answer.status_code == 422
    assert "exercises.0.prescription_id" in answer.json()["detail"]


def test_a_prescription_that_a_plan_has_stays(clinic: Clinic) -> None:
    used = clinic.prescribe(clinic.thea, clinic.paul_id)
    plan_id = clinic.plan(clinic.thea, clinic.paul_id, used)
    assert clinic.thea("DELETE", f"/api/prescriptions/{used}").status_code == 409
    assert clinic.thea("DELETE", f"/api/plans/{plan_id}").status_code == 204
    assert clinic.thea("DELETE", f"/api/prescriptions/{used}").status_code == 204


def test_a_patient_handed_over_is_the_other_physiotherapist_s(clinic: Clinic) -> None:
    tom_id = clinic.tom("GET", "/api/me").json()["id"]
    change = {"physiotherapist_id": tom_id}
    assert clinic.thea("PATCH", f"/api/patients/{clinic.paul_id}", json=change).status_code == 200
    assert clinic.thea("GET", f"/api/patients/{clinic.paul_id}").status_code == 404
    assert clinic.tom("GET", f"/api/patients/{clinic.paul_id}").status_code == 200
    paul_s = {"physiotherapist_id": clinic.paul("GET", "/api/me").json()["id"]}
    refused = clinic.tom("PATCH", f"/api/patients/{clinic.paul_id}", json=paul_s)
    assert refused.status_code == 422


def test_deleting_a_patient_deletes_all_but_the_audit_trail(clinic: Clinic) -> None:
    bend = clinic.prescribe(clinic.thea, clinic.paul_id)
    plan_id = clinic.plan(clinic.thea, clinic.paul_id, bend)
    assert clinic.thea("DELETE", f"/api/patients/{clinic.paul_id}").status_code == 204
    assert clinic.paul("GET", "/api/me").status_code == 401
    for path in (f"patients/{clinic.paul_id}", f"prescriptions/{bend}", f"plans/{plan_id}"):
        assert clinic.thea("GET", f"/api/{path}").status_code == 404
    body = {"login": "paul", "password": PASSWORD}
    assert clinic.nobody("POST", "/api/login", json=body).status_code == 401
    with clinic.service.app.state.store.engine.connect() as connection:
        for table in ("patients", "prescriptions", "plans", "planned_exercises"):
            count = f"select count(*) from {table}"
            assert connection.exec_driver_sql(count).scalar() == (table == "patients")
    entries = clinic.administrator("GET", "/api/audit", params={"limit": 500}).json()
    assert ("delete_patient", clinic.paul_id) in [(e["action"], e["object_id"]) for e in entries]


def test_the_library_has_every_exercise_and_its_figure(clinic: Clinic) -> None:
    exercises = clinic.paul("GET", "/api/exercises").json()
    assert [each["id"] for each in exercises] == list(library_ids())
    figure = clinic.paul("GET", exercises[0]["figure"])
    assert figure.headers["content-type"] == "image/svg+xml"
    assert figure.text.startswith("<svg")
    assert clinic.paul("GET", "/api/exercises/none").status_code == 404


def test_the_description_has_an_answer_and_a_security_for_every_operation(clinic: Clinic) -> None:
    document = clinic.nobody("GET", "/api/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert "HTTPValidationError" not in json.dumps(document)
    operations = 0
    for path, methods in document["paths"].items():
        for operation in methods.values():
            operations += 1
            assert operation["description"], path
            refusals = [each for code, each in operation["responses"].items() if code >= "4"]
            assert refusals, path
            assert all("application/problem+json" in each["content"] for each in refusals), path
            if path == "/api/patients":
                assert operation["security"] == [{"cookie": []}, {"bearer": []}]
    assert operations > 30
    for name in ("Credentials", "NewPrescription", "PlanBody", "Invited", "Problem"):
        assert schemas[name]["examples"], name
    for reference in json.dumps(document).split('"#/components/schemas/')[1:]:
        assert reference.split('"')[0] in schemas
