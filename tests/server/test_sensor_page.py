"""The page about supported sensors is what the profiles say."""

from pathlib import Path

from firmware_profiles.library import profile_ids
from server.sensor_page import page

FILE = Path(__file__).parents[2] / "docs" / "sensors.md"


def test_the_committed_page_is_what_the_generator_gives() -> None:
    written = FILE.read_text("utf-8")
    assert written == page(), "run python -m server.sensor_page docs/sensors.md"


def test_every_sensor_has_its_section_and_every_link_its_target() -> None:
    text = page()
    for profile_id in profile_ids():
        assert f"(#{profile_id})" in text
        assert f"{{ #{profile_id} }}" in text
