"""`gonio serve`: the server on this machine.

Reads options and tells the first way in. What is served is `app`'s.
"""

import importlib.util
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from server import auth, logs, terminal
from server.errors import StoreError
from server.settings import Settings
from server.store.database import Store


@click.command()
@click.option(
    "--data",
    "data_folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where the server keeps everything. Default: GONIO_DATA_FOLDER, or gonio-data here.",
)
@click.option("--host", metavar="HOST", help="Address to listen at. Default: 127.0.0.1 alone.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="Default: 8000.")
def serve(data_folder: Path | None, host: str | None, port: int | None) -> None:
    """Serve accounts, prescriptions and plans over HTTP.

    The first start prints a link with which the administrator sets a password. Other settings are
    read from the environment, see docs/server.md.
    """
    given = {"data_folder": data_folder, "host": host, "port": port}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    link = first_link(settings)
    out = terminal.console()
    terminal.say(out, f"Gonio serves at {settings.origin}")
    if link is not None:
        # Whole, however narrow the terminal: it is to be copied.
        click.echo(f"No administrator can sign in yet. Open this link once, within "
                   f"{settings.invitation_hours:g} hours:\n{link}")  # fmt: skip
    import uvicorn

    from server.app import create_app

    logs.set_up()
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop" if importlib.util.find_spec("uvloop") else "auto",
        ws="websockets-sansio" if importlib.util.find_spec("websockets") else "auto",
        log_config=None,
        access_log=False,
        server_header=False,
    )


def first_link(settings: Settings) -> str | None:
    """Bring the database up to date; the way in while no administrator can sign in."""
    store = Store(settings.database)
    try:
        store.migrate()
        with store.transaction() as db:
            opened = auth.first_invitation(db, datetime.now(UTC), settings.invitation_hours)
    except SQLAlchemyError as error:
        raise StoreError(
            f"The database cannot be opened ({type(error).__name__}); check GONIO_DATABASE_URL, or "
            f"that {settings.data_folder} can be written."
        ) from None
    finally:
        store.close()
    return None if opened is None else auth.invitation_link(settings, opened.token)
