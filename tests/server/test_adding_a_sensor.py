"""The page that adds a sensor: its profile loads, its commands print what it shows."""

import re
from pathlib import Path

import pytest

from firmware_profiles.packet_layout import WIDTHS
from firmware_profiles.quantity import QUANTITIES
from tests.server.conftest import Gonio

PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-sensor.md").read_text("utf-8")
PROFILE = "".join(re.findall(r"```yaml\n(.*?)```", PAGE, re.S))


def shown() -> list[tuple[list[str], str]]:
    """Commands of the page with what they print."""
    found = []
    for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", PAGE, re.M):
        for each in re.split(r"^    \$ ", block, flags=re.M)[1:]:
            command, _, printed = each.partition("\n")
            lines = [line.removeprefix("    ") for line in printed.splitlines()]
            found.append((command.split()[1:], "\n".join(lines).strip("\n")))
    return found


@pytest.mark.parametrize(("arguments", "printed"), shown())
def test_a_command_prints_what_the_page_shows(
    arguments: list[str],
    printed: str,
    gonio: Gonio,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pulsar.yaml").write_text(PROFILE, "utf-8")
    Path("typo.yaml").write_text(PROFILE.replace("unit: deg/s", "unit: deg"), "utf-8")
    ran = gonio(*arguments)
    out = "\n".join(line.rstrip() for line in (ran.out or ran.err).splitlines())
    assert out == printed
    assert ran.code == (2 if printed.startswith("gonio: ") else 0)


def test_the_page_shows_commands() -> None:
    assert len(shown()) == 4


def test_the_page_names_all_quantities_and_types() -> None:
    for name, quantity in QUANTITIES.items():
        assert f"`{name}`" in PAGE
        assert all(unit in PAGE for unit in quantity.units)
    assert all(f"`{name}`" in PAGE for name in WIDTHS)
