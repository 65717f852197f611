"""The database behind the tables: opened, migrated, asked in transactions.

One interface for SQLite and PostgreSQL. What is asked is the routes' business.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from server.errors import StoreError

# A writer of another process is waited for; a transaction of ours lasts milliseconds.
BUSY_MS: Final = 5_000

Result = TypeVar("Result")


class Store:
    """url: SQLAlchemy's. Raises StoreError where the URL or its driver cannot be used."""

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
            if parsed.get_backend_name() not in ("sqlite", "postgresql"):
                raise StoreError(
                    "The database must be SQLite or PostgreSQL; set GONIO_DATABASE_URL to such a "
                    "URL, or leave it out."
                )
            self._sqlite = parsed.get_backend_name() == "sqlite"
            if self._sqlite:
                Path(parsed.database or "gonio.sqlite").parent.mkdir(parents=True, exist_ok=True)
            self.engine = create_engine(
                parsed, connect_args={"check_same_thread": False} if self._sqlite else {}
            )
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            # The URL may hold a password; it is not repeated.
            raise StoreError(
                f"GONIO_DATABASE_URL cannot be used ({type(error).__name__}); give a URL such as "
                "postgresql+psycopg://user@host/gonio and install its driver."
            ) from None
        if self._sqlite:
            _prepare_sqlite(self.engine)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        # SQLite has one writer: requests wait for their turn here, not in threads, which the
        # request whose turn it is needs.
        self._turn = asyncio.Lock()

    def migrate(self) -> None:
        """Bring the tables up to date."""
        with self.engine.begin() as connection:
            command.upgrade(_alembic(connection), "head")

    def migrated(self) -> bool:
        """Whether the database answers and its tables are those of this version."""
        try:
            with self.engine.connect() as connection:
                current = MigrationContext.configure(connection).get_current_revision()
                connection.execute(text("select 1"))
        except SQLAlchemyError:
            return False
        return current == ScriptDirectory.from_config(_alembic()).get_current_head()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A unit of work: committed whole, or not at all."""
        with self._sessions.begin() as db:
            yield db

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits until a transaction would not have to wait for another one of this process."""
        async with self._turn if self._sqlite else nullcontext():
            yield

    async def run(self, work: Callable[[Session], Result]) -> Result:
        """One transaction in a thread of its own."""

        def whole() -> Result:
            with self.transaction() as db:
                return work(db)

        async with self.turn():
            return await anyio.to_thread.run_sync(whole)

    def session(self) -> Session:
        """A session that the caller commits and closes."""
        return self._sessions()

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


def _alembic(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connected(connection: Any, record: Any) -> None:
        # Transactions begin where SQLAlchemy says so, also before reads and table changes.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_MS}", "journal_mode = wal", "synchronous = full",
            "foreign_keys = on",
        ):  # fmt: skip
            cursor.execute(f"pragma {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        # A read that becomes a write later would fail if another had written in between.
        connection.exec_driver_sql("begin immediate")
