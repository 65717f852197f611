"""What every request meets, whatever it asks for."""

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from server.app import create_app
from server.settings import Settings
from tests.server.service.conftest import CHEAP, Clinic, Service, in_pieces


def test_ready_only_once_kernels_are_warm(tmp_path: Path) -> None:
    warm = threading.Event()

    def steps() -> Iterator[str]:
        warm.wait(10)
        yield "kernels"

    service = Service(create_app(Settings(data_folder=tmp_path, **CHEAP), warming=steps))
    client = service.client()
    assert client("GET", "/health").status_code == 200
    assert client("GET", "/ready").status_code == 503
    warm.set()
    for thread in threading.enumerate():
        if thread.name == "warming":
            thread.join(10)
    assert client("GET", "/ready").json() == {"status": "ready"}
    service.close()


def test_not_ready_when_compiling_kernels_fails(tmp_path: Path) -> None:
    def steps() -> Iterator[str]:
        yield "kernels"
        raise RuntimeError("no compiler")

    with structlog.testing.capture_logs() as lines:
        service = Service(create_app(Settings(data_folder=tmp_path, **CHEAP), warming=steps))
        for thread in threading.enumerate():
            if thread.name == "warming":
                thread.join(10)
        assert service.client()("GET", "/ready").status_code == 503
        service.close()
    assert "warming_failed" in [each["event"] for each in lines]


def test_not_ready_when_the_database_is_of_another_version(service: Service) -> None:
    with service.app.state.store.engine.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '0000'")
    answer = service.client()("GET", "/ready")
    assert answer.status_code == 503
    assert "database" in answer.json()["detail"]


def test_every_refusal_is_a_problem(service: Service) -> None:
    client = service.client()
    broken = {"content": b"{", "headers": {"Content-Type": "application/json"}}
    for answer, status in (
        (client("GET", "/nowhere"), 404),
        (client("PUT", "/health"), 405),
        (client("POST", "/api/login", json={"login": 1}), 422),
        (client("POST", "/api/login", **broken), 422),
        (client("GET", "/api/me"), 401),
        (client("POST", "/api/login", json={"login": "a", "password": "b"}), 401),
    ):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == status
        assert {"type", "title", "detail", "instance"} <= set(problem)


def test_a_refused_field_is_named_and_not_repeated(service: Service) -> None:
    answer = service.client()(
        "POST", "/api/login", json={"login": "a", "password": ["my secret word"]}
    )
    assert answer.json()["errors"][0]["field"] == "body.password"
    assert "secret" not in answer.text


def test_a_mistake_of_the_server_tells_nothing_but_its_request_id(service: Service) -> None:
    def broken() -> None:
        raise RuntimeError("the secret of the house")

    service.app.add_api_route("/broken", broken)
    answer = service.client()("GET", "/broken")
    assert answer.status_code == 500
    assert answer.json()["title"] == "Internal Server Error"
    assert "secret" not in answer.text


def test_a_body_is_refused_when_it_is_too_long_whatever_its_headers_say(service: Service) -> None:
    client = service.client()
    told = client("POST", "/api/login", content=b"x" * 50_001)
    untold = client("POST", "/api/login", content=in_pieces(10_000, 6))
    assert [told.status_code, untold.status_code] == [413, 413]
    assert untold.headers["content-type"] == "application/problem+json"


def test_pages_of_others_cannot_send_changes(service: Service) -> None:
    client = service.client()
    body = {"login": "a", "password": "b"}
    ours = client("POST", "/api/login", json=body, headers={"Origin": "http://localhost:8000"})
    theirs = client("POST", "/api/login", json=body, headers={"Origin": "http://evil.example"})
    assert [ours.status_code, theirs.status_code] == [401, 403]
    assert theirs.json()["type"] == "urn:gonio:problem:origin"


def test_answers_carry_security_headers_and_a_request_id(service: Service) -> None:
    client = service.client()
    answer = client("GET", "/nowhere", headers={"X-Request-ID": "given-by-the-proxy"})
    assert answer.headers["x-request-id"] == "given-by-the-proxy"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    spoilt = client("GET", "/health", headers={"X-Request-ID": 'a"} {"b'})
    assert spoilt.headers["x-request-id"].isalnum()


def test_a_client_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    settings = Settings(data_folder=tmp_path, requests_a_minute=3, **CHEAP)
    service = Service(create_app(settings, warming=lambda: ()))
    client = service.client()
    answers = [client("GET", "/health") for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert service.client(address="192.0.2.7")("GET", "/health").status_code == 200
    service.close()


def test_figures_are_for_this_machine_and_administrators(clinic: Clinic) -> None:
    away = clinic.service.client(address="192.0.2.7")
    assert away("GET", "/metrics").status_code == 401
    away.headers = clinic.thea.headers
    assert away("GET", "/metrics").status_code == 403
    away.headers = clinic.administrator.headers
    assert away("GET", "/metrics").status_code == 200
    text = clinic.service.client()("GET", "/metrics").text
    # Routes, not ids, or every patient would be a series.
    clinic.thea("GET", f"/api/patients/{clinic.paul_id}")
    text = clinic.service.client()("GET", "/metrics").text
    assert 'route="/api/patients/{patient_id}"' in text
    assert clinic.paul_id not in text


def test_log_lines_hold_no_personal_data(clinic: Clinic) -> None:
    with structlog.testing.capture_logs() as lines:
        clinic.thea("GET", f"/api/patients/{clinic.paul_id}?name=Paul")
        clinic.nobody("POST", "/api/login", json={"login": "paul", "password": "wrong"})
    assert [each["route"] for each in lines] == ["/api/patients/{patient_id}", "/api/login"]
    told = json.dumps(lines)
    for private in ("paul", "Paul", "wrong", clinic.paul_id, "192.0.2.1"):
        assert private not in told


def test_log_lines_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    from server import logs

    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    root = __import__("logging").getLogger()
    before = (root.handlers, root.level)
    try:
        logs.set_up()
        structlog.get_logger("gonio").info("request", route="/health")
        root.error("from a library")
    finally:
        root.handlers, root.level = before
        structlog.reset_defaults()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [each["event"] for each in lines] == ["request", "from a library"]
    assert all("timestamp" in each and "level" in each for each in lines)


def test_the_page_of_an_invitation_runs_nothing_from_elsewhere(service: Service) -> None:
    client = service.client()
    page = client("GET", "/invitation")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "//" not in page.text.replace("<!doctype", "")
    assert "<script>" not in page.text
    for path in ("/invitation.js", "/invitation.css"):
        assert f'"{path}"' in page.text
        assert client("GET", path).status_code == 200
