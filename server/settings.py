"""What whoever runs the server may choose, from the environment (`GONIO_...`) or the command line.

Read once at the start. Thresholds of algorithms are not settings; they stand where they are used.
"""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class Settings(BaseSettings):
    """data_folder: everything that the server keeps. database_url: SQLite in it by default.
    public_origin: what people's browsers call the server, when a proxy stands before it."""

    model_config = SettingsConfigDict(env_prefix="GONIO_", frozen=True, extra="forbid")

    data_folder: Path = Path("gonio-data")
    database_url: str | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_origin: str | None = None

    # Half a working day: long enough for a clinic's morning, short enough for a lost tablet.
    session_hours: float = Field(default=4.0, gt=0, le=24 * 14)
    # A patient gets the link at the practice and opens it at home within days.
    invitation_hours: float = Field(default=72.0, gt=0, le=24 * 30)

    # The longest prescription has some 10 kB; a whole plan stays well below.
    largest_body_bytes: int = Field(default=256_000, ge=1_000)
    requests_a_minute: float = Field(default=600.0, gt=0)
    logins_a_minute: float = Field(default=10.0, gt=0)
    clients_remembered: int = Field(default=10_000, ge=1)

    # OWASP's choice for argon2id: 19 MiB, two passes, one lane.
    argon2_memory_kib: int = Field(default=19_456, ge=8)
    argon2_passes: int = Field(default=2, ge=1)

    @field_validator("public_origin")
    @classmethod
    def _an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
            raise ValueError("give scheme and host alone, as in https://gonio.example")
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def origin(self) -> str:
        """Where people reach the server."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_origin or f"http://{host}:{self.port}"

    @property
    def origins(self) -> frozenset[str]:
        """Origins whose pages may send changes; a machine's own server has several names."""
        if self.public_origin is None and self.host in LOOPBACK:
            return frozenset(
                f"http://{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")
            )
        return frozenset([self.origin])

    @property
    def secure(self) -> bool:
        """Whether cookies are for HTTPS alone."""
        return self.origin.startswith("https://")

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{self.data_folder / 'gonio.sqlite'}"
