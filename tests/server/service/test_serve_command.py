"""`gonio serve`: what it tells, and what it refuses."""

from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.server.conftest import Gonio


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: calls.append(options))
    monkeypatch.setattr("server.logs.set_up", lambda: None)
    return calls


def test_serves_this_machine_alone_and_tells_the_first_link(
    gonio: Gonio, served: list[dict[str, Any]], tmp_path: Path
) -> None:
    ran = gonio("serve", "--data", tmp_path / "data", "--port", "8123")
    assert ran.code == 0
    assert "http://127.0.0.1:8123/invitation#" in ran.out
    assert (served[0]["host"], served[0]["port"]) == ("127.0.0.1", 8123)
    assert served[0]["ws"] == "websockets-sansio"


@pytest.mark.parametrize(
    ("name", "value"),
    [("GONIO_SESSION_HOURS", "soon"), ("GONIO_PUBLIC_ORIGIN", "gonio.example"),
     ("GONIO_DATABASE_URL", "mysql://x:secret@y/z")],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_told_in_a_sentence(
    gonio: Gonio, served: list[dict[str, Any]], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, name: str, value: str,
) -> None:  # fmt: skip
    monkeypatch.setenv(name, value)
    ran = gonio("serve", "--data", tmp_path)
    ran.refused()
    assert "secret" not in ran.err
    assert served == []


def test_a_database_that_cannot_be_written_is_told_in_a_sentence(
    gonio: Gonio, served: list[dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "gonio.sqlite").write_bytes(b"not a database" * 100)
    gonio("serve", "--data", tmp_path).refused("database")
    assert served == []
