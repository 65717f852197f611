"""A service in this process, on a database of its own, with somebody in every role."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from server.app import create_app
from server.commands.serve import first_link
from server.settings import Settings

ORIGIN = "http://127.0.0.1:8000"
PASSWORD = "four words of my own"

# As cheap as argon2 can be: its cost is not what is tested.
CHEAP: dict[str, Any] = {"argon2_memory_kib": 8, "argon2_passes": 1}


class Service:
    """The application behind httpx, without a socket and without a loop in the tests."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._runner = asyncio.Runner()
        self._lifespan = app.router.lifespan_context(app)
        self._runner.run(self._enter())

    async def _enter(self) -> None:
        await self._lifespan.__aenter__()

    async def _leave(self) -> None:
        await self._lifespan.__aexit__(None, None, None)

    def close(self) -> None:
        self._runner.run(self._leave())
        self._runner.close()

    def client(self, *, address: str = "127.0.0.1", **options: Any) -> "Client":
        return Client(self, address, **options)

    def run(self, work: Any) -> Any:
        return self._runner.run(work)


class Client:
    """Somebody's HTTP client. csrf: sent with every request once signed in by cookie."""

    def __init__(self, service: Service, address: str, headers: dict[str, str] | None = None):
        self._service = service
        self._address = address
        self.headers = dict(headers or {})
        self.cookies = httpx.Cookies()

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(
                self._service.app, raise_app_exceptions=False, client=(self._address, 50_000)
            )
            async with httpx.AsyncClient(
                transport=transport, base_url=ORIGIN, cookies=self.cookies
            ) as client:
                headers = {**self.headers, **options.pop("headers", {})}
                answer = await client.request(method, path, headers=headers, **options)
                self.cookies = client.cookies
                return answer

        answer = self._service.run(ask())
        assert isinstance(answer, httpx.Response)
        return answer

    def sign_in(self, login: str, password: str = PASSWORD, deliver: str = "token") -> None:
        answer = self(
            "POST",
            "/api/login",
            json={"login": login, "password": password, "deliver": deliver},
        )
        assert answer.status_code == 200, answer.text
        if deliver == "token":
            self.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        else:
            self.headers["X-CSRF-Token"] = answer.json()["csrf_token"]

    def made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self("POST", path, json=body)
        assert answer.status_code == 201, answer.text
        document = answer.json()
        assert isinstance(document, dict)
        return document


class Clinic:
    """administrator; physiotherapists `thea` and `tom`, each with a patient: `paul` and `petra`."""

    def __init__(self, service: Service, link: str) -> None:
        self.service = service
        self.nobody = service.client(address="192.0.2.1")
        self.accept(link)
        self.administrator = self.signed_in("administrator")
        for login in ("thea", "tom"):
            invited = self.administrator.made(
                "/api/users", {"login": login, "name": login.title(), "role": "physiotherapist"}
            )
            self.accept(invited["link"])
        self.thea, self.tom = self.signed_in("thea"), self.signed_in("tom")
        self.paul_id = self.take_on(self.thea, "paul")
        self.petra_id = self.take_on(self.tom, "petra")
        self.paul, self.petra = self.signed_in("paul"), self.signed_in("petra")

    def accept(self, link: str, password: str = PASSWORD) -> httpx.Response:
        answer = self.nobody(
            "POST",
            "/api/invitations/accept",
            json={"token": link.partition("#")[2], "password": password},
        )
        assert answer.status_code == 200, answer.text
        return answer

    def signed_in(self, login: str) -> Client:
        client = self.service.client()
        client.sign_in(login)
        return client

    def take_on(self, therapist: Client, login: str, language: str = "de") -> str:
        made = therapist.made(
            "/api/patients", {"login": login, "name": login.title(), "language": language}
        )
        self.accept(made["link"])
        return str(made["patient_id"])

    def prescribe(self, therapist: Client, patient_id: str, template: str = "lumbar-bend") -> str:
        made = therapist.made(
            f"/api/patients/{patient_id}/prescriptions", {"template_id": template}
        )
        return str(made["id"])

    def plan(self, therapist: Client, patient_id: str, *prescriptions: str, **more: Any) -> str:
        body = {
            "name": "Back",
            "days": ["monday"],
            "exercises": [{"prescription_id": each} for each in prescriptions],
            **more,
        }
        return str(therapist.made(f"/api/patients/{patient_id}/plans", body)["id"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_folder=tmp_path / "data",
        logins_a_minute=1000,
        requests_a_minute=100_000,
        largest_body_bytes=50_000,
        **CHEAP,
    )


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    made = Service(create_app(settings, warming=lambda: ()))
    yield made
    made.close()


@pytest.fixture
def clinic(settings: Settings, service: Service) -> Clinic:
    link = first_link(settings)
    assert link is not None
    return Clinic(service, link)


async def in_pieces(size: int, count: int) -> AsyncIterator[bytes]:
    """A body whose length no header tells."""
    for _ in range(count):
        yield b"x" * size


def now() -> datetime:
    return datetime.now(UTC)
