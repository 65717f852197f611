"""Tables, migrations, and the audit log that takes no change."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from server.errors import StoreError
from server.store import audit
from server.store.database import Store
from server.store.models import Base


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(f"sqlite:///{tmp_path / 'new' / 'gonio.sqlite'}")
    made.migrate()
    return made


def deed(number: int) -> audit.Deed:
    return audit.Deed(
        at=datetime(2026, 1, 1, 12, 0, number, 123456, tzinfo=UTC),
        actor_id="a" * 32,
        actor_role="physiotherapist",
        action="read_patient",
        object_id=f"{number}",
        outcome="done",
        request_id="r",
    )


def test_migrations_make_the_tables_of_the_models(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(store: Store) -> None:
    store.migrate()
    assert store.migrated()


def test_a_database_without_tables_is_not_migrated(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    assert not store.migrated()
    store.close()


def test_sqlite_writes_ahead_and_holds_references(store: Store) -> None:
    with store.engine.connect() as connection:
        for pragma, value in (("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 2)):
            assert connection.execute(text(f"pragma {pragma}")).scalar() == value
    orphan = text(
        "insert into invitations values ('i', 'nobody', 'h', '2026-01-01 00:00:00.000000')"
    )
    with pytest.raises(IntegrityError), store.transaction() as db:
        db.execute(orphan)


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as db:
            audit.append(db, deed(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.transaction() as db:
        assert audit.verify(db).entries == 0


@pytest.mark.parametrize(
    "change", ["update audit_log set action = 'x' where number = 2", "delete from audit_log"]
)
def test_the_audit_log_refuses_change(store: Store, change: str) -> None:
    with store.transaction() as db:
        for number in range(1, 4):
            audit.append(db, deed(number))
    with pytest.raises(DBAPIError, match="takes no change"), store.transaction() as db:
        db.execute(text(change))
    with store.transaction() as db:
        assert audit.verify(db).broken_at is None


@pytest.mark.parametrize(
    ("change", "broken_at"),
    [
        ("update audit_log set action = 'x' where number = 2", 2),
        ("update audit_log set at = '2026-01-01 12:00:02.123457' where number = 2", 2),
        ("update audit_log set entry_hash = previous_hash where number = 3", 3),
        ("delete from audit_log where number = 2", 2),
        ("delete from audit_log where number = 1", 1),
    ],
)
def test_whoever_gets_round_the_triggers_breaks_the_chain(
    store: Store, change: str, broken_at: int
) -> None:
    with store.transaction() as db:
        for number in range(1, 5):
            audit.append(db, deed(number))
    with store.transaction() as db:
        for trigger in ("update", "delete"):
            db.execute(text(f"drop trigger audit_log_{trigger}"))
        db.execute(text(change))
        assert audit.verify(db).broken_at == broken_at


@pytest.mark.parametrize("url", ["mysql://user:secret@host/x", "no url", "oracle://x"])
def test_a_database_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StoreError, match="GONIO_DATABASE_URL") as refused:
        Store(url)
    assert "secret" not in str(refused.value)
