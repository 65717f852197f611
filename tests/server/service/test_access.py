"""Signing in and out, invitations, cookies and tokens, and what the audit log says of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher
from sqlalchemy import update

from server import auth
from server.app import create_app
from server.commands.serve import first_link
from server.settings import Settings
from server.store.models import Invitation, LoginSession
from tests.server.service.conftest import CHEAP, ORIGIN, PASSWORD, Clinic, Service


def test_the_first_start_gives_a_link_until_an_administrator_can_sign_in(
    settings: Settings, service: Service
) -> None:
    first, second = first_link(settings), first_link(settings)
    assert first is not None
    assert second is not None
    assert second.startswith("http://127.0.0.1:8000/invitation#")
    client = service.client()

    def accept(link: str) -> int:
        body = {"token": link.partition("#")[2], "password": PASSWORD}
        return client("POST", "/api/invitations/accept", json=body).status_code

    # A link that was printed earlier is void, one that was used too.
    assert [accept(first), accept(second), accept(second)] == [410, 200, 410]
    assert first_link(settings) is None


def test_nobody_signs_in_without_an_accepted_invitation(
    settings: Settings, service: Service
) -> None:
    first_link(settings)
    for password in ("", "administrator", "admin", "None"):
        answer = service.client()(
            "POST", "/api/login", json={"login": "administrator", "password": password}
        )
        assert answer.status_code in (401, 422)


def test_an_invitation_ends_by_time(clinic: Clinic) -> None:
    link = clinic.thea.made(f"/api/patients/{clinic.paul_id}/invitation", {})["link"]
    with clinic.service.app.state.store.transaction() as db:
        db.execute(update(Invitation).values(expires_at=datetime.now(UTC)))
    body = {"token": link.partition("#")[2], "password": PASSWORD}
    assert clinic.nobody("POST", "/api/invitations/accept", json=body).status_code == 410


def test_a_new_password_signs_out_everywhere(clinic: Clinic) -> None:
    link = clinic.thea.made(f"/api/patients/{clinic.paul_id}/invitation", {})["link"]
    assert clinic.paul("GET", "/api/me").status_code == 200
    clinic.accept(link, "another four words")
    assert clinic.paul("GET", "/api/me").status_code == 401
    clinic.service.client().sign_in("paul", "another four words")


def test_a_session_ends_by_time_and_by_logout(clinic: Clinic) -> None:
    assert clinic.thea("POST", "/api/logout").status_code == 204
    assert clinic.thea("GET", "/api/me").status_code == 401
    ended = datetime.now(UTC) - timedelta(seconds=1)
    with clinic.service.app.state.store.transaction() as db:
        db.execute(update(LoginSession).values(expires_at=ended))
    assert clinic.paul("GET", "/api/me").status_code == 401


def test_who_is_switched_off_is_out_at_once(clinic: Clinic) -> None:
    thea_id = clinic.thea("GET", "/api/me").json()["id"]
    clinic.administrator("PATCH", f"/api/users/{thea_id}", json={"active": False})
    assert clinic.thea("GET", "/api/me").status_code == 401
    body = {"login": "thea", "password": PASSWORD}
    assert clinic.nobody("POST", "/api/login", json=body).status_code == 401


def test_the_last_administrator_cannot_be_switched_off(clinic: Clinic) -> None:
    own = clinic.administrator("GET", "/api/me").json()["id"]
    answer = clinic.administrator("PATCH", f"/api/users/{own}", json={"active": False})
    assert answer.status_code == 409
    assert clinic.administrator("GET", "/api/me").status_code == 200


def test_a_cookie_alone_changes_nothing(clinic: Clinic) -> None:
    page = clinic.service.client()
    page.sign_in("thea", deliver="cookie")
    csrf = page.headers.pop("X-CSRF-Token")
    body = {"login": "new", "name": "New"}
    assert page("GET", "/api/patients").status_code == 200
    refused = page("POST", "/api/patients", json=body)
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:gonio:problem:csrf"
    # A page that is loaded anew gets its token again.
    assert page("GET", "/api/me").json()["csrf_token"] == csrf
    headers = {"X-CSRF-Token": csrf}
    assert page("POST", "/api/patients", json=body, headers=headers).status_code == 201


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(clinic: Clinic) -> None:
    answer = clinic.nobody("POST", "/api/login", json={"login": "thea", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert answer.json()["token"] is None


def test_behind_https_the_cookie_is_for_https_alone(tmp_path: Path) -> None:
    settings = Settings(data_folder=tmp_path, public_origin="https://gonio.example/", **CHEAP)
    service = Service(create_app(settings, warming=lambda: ()))
    link = first_link(settings)
    assert link is not None
    assert link.startswith("https://gonio.example/invitation#")
    client = service.client()
    body = {"token": link.partition("#")[2], "password": PASSWORD}
    client("POST", "/api/invitations/accept", json=body)
    credentials = {"login": "administrator", "password": PASSWORD}
    answer = client("POST", "/api/login", json=credentials)
    assert "; secure" in answer.headers["set-cookie"].lower()
    assert "strict-transport-security" in answer.headers
    service.close()


def test_a_login_costs_the_same_whether_or_not_somebody_has_it(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, ...]] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, known: str, password: str) -> bool:
        compared.append(tuple(known.split("$")[:4]))
        return verify(self, known, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    clinic.thea.made("/api/patients", {"login": "invited", "name": "No Password Yet"})
    answers = [
        clinic.nobody("POST", "/api/login", json={"login": login, "password": "wrong"})
        for login in ("paul", "invited", "nobody-at-all")
    ]
    assert len(compared) == 3
    # The same algorithm with the same cost each time, and the same answer.
    assert len(set(compared)) == 1
    assert len({each.json()["detail"] for each in answers}) == 1
    assert {each.status_code for each in answers} == {401}


def test_logins_are_limited_by_client_and_by_login(tmp_path: Path) -> None:
    settings = Settings(data_folder=tmp_path, logins_a_minute=2, **CHEAP)
    service = Service(create_app(settings, warming=lambda: ()))

    def status(login: str, address: str) -> int:
        body = {"login": login, "password": "wrong"}
        return service.client(address=address)("POST", "/api/login", json=body).status_code

    assert [status(login, "192.0.2.1") for login in "abc"] == [401, 401, 429]
    assert [status("d", f"192.0.2.{host}") for host in (2, 3, 4)] == [401, 401, 429]
    service.close()


def test_tokens_and_passwords_are_kept_as_hashes_alone(clinic: Clinic) -> None:
    token = clinic.thea.headers["Authorization"].removeprefix("Bearer ")
    link = clinic.thea.made(f"/api/patients/{clinic.paul_id}/invitation", {})["link"]
    folder = clinic.service.app.state.settings.data_folder
    kept = b"".join(each.read_bytes() for each in folder.iterdir())
    assert auth.token_hash(token).encode() in kept
    for secret in (token, link.partition("#")[2], PASSWORD):
        assert secret.encode() not in kept


def test_the_audit_log_tells_who_read_what_and_who_was_refused(clinic: Clinic) -> None:
    clinic.thea("GET", f"/api/patients/{clinic.paul_id}")
    clinic.thea("GET", f"/api/patients/{clinic.petra_id}")
    clinic.paul("GET", "/api/users")
    clinic.nobody("POST", "/api/login", json={"login": "paul", "password": "wrong"})
    entries = clinic.administrator("GET", "/api/audit", params={"limit": 4}).json()
    told = [(e["actor_role"], e["action"], e["object_id"], e["outcome"]) for e in entries]
    assert told == [
        ("patient", "login", "", "refused"),
        ("patient", "list_users", "", "forbidden"),
        ("physiotherapist", "read_patient", clinic.petra_id, "not_found"),
        ("physiotherapist", "read_patient", clinic.paul_id, "done"),
    ]
    chain = clinic.administrator("GET", "/api/audit/chain").json()
    assert chain["broken_at"] is None
    assert chain["entries"] > 4


def test_a_request_that_changes_nothing_is_not_told_as_done(clinic: Clinic) -> None:
    before = clinic.administrator("GET", "/api/audit/chain").json()["entries"]
    taken = {"login": "paul", "name": "Another"}
    assert clinic.thea("POST", "/api/patients", json=taken).status_code == 409
    assert clinic.thea("POST", "/api/patients", json={"login": 1}).status_code == 422
    # The one that counted.
    assert clinic.administrator("GET", "/api/audit/chain").json()["entries"] == before + 1


def test_many_requests_at_once_and_clients_that_hang_up_leave_a_whole_chain(
    clinic: Clinic,
) -> None:
    # More than there are threads to answer them.
    count = 60
    before = clinic.administrator("GET", "/api/audit/chain").json()["entries"]

    async def crowd() -> list[int]:
        transport = httpx.ASGITransport(clinic.service.app)
        async with httpx.AsyncClient(
            transport=transport, base_url=ORIGIN, headers=clinic.thea.headers
        ) as client:
            asked = [asyncio.create_task(client.get("/api/patients")) for _ in range(count)]
            gone = [asyncio.create_task(client.get("/api/patients")) for _ in range(count)]
            await asked[0]
            for each in gone:
                each.cancel()
            await asyncio.gather(*gone, return_exceptions=True)
            return [(await each).status_code for each in asked]

    assert clinic.service.run(crowd()) == [200] * count
    chain = clinic.administrator("GET", "/api/audit/chain").json()
    assert chain["broken_at"] is None
    assert before + count < chain["entries"] <= before + 2 * count + 1


def test_nothing_is_told_as_done_before_it_and_its_audit_entry_are_kept(clinic: Clinic) -> None:
    engine = clinic.service.app.state.store.engine
    with engine.begin() as connection:
        connection.exec_driver_sql("alter table audit_log rename to away")
    body = {"login": "new", "name": "New"}
    assert clinic.thea("POST", "/api/patients", json=body).status_code == 503
    with engine.begin() as connection:
        connection.exec_driver_sql("alter table away rename to audit_log")
    # The login is still free: the account went with the entry.
    assert clinic.thea("POST", "/api/patients", json=body).status_code == 201
