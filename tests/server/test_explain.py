"""`gonio explain` as a person and a program meet it: the right repetition, and its reasons."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from devices.recording import RecordingInfo, RecordingWriter, SensorInfo, copy_recording, read_info
from motion.events import RepetitionEvent, decode
from tests.motion.exercises import exercises
from tests.motion.movement import Rep, even
from tests.server.conftest import Gonio, Ran
from tests.server.recordings import swings, write, write_template
from tests.server.test_report import Page

NARROW = {"count_from_deg": 15, "minimum_deg": 45, "goal_deg": 55, "limit_deg": 58}


def repetitions(ran: Ran) -> list[RepetitionEvent]:
    events = [decode(line) for line in ran.out.splitlines()]
    return [event for event in events if isinstance(event, RepetitionEvent)]


def document(ran: Ran) -> dict[str, Any]:
    assert ran.code == 0, ran
    found: dict[str, Any] = json.loads(ran.out)
    return found


def broken(found: dict[str, Any], judging: str) -> list[str]:
    return [
        each["rule"] for each in found["rules"] if each["broken"] and each["judging"] == judging
    ]


def test_a_person_gets_sentences_a_curve_and_a_table(
    gonio: Gonio, sound: Path, tmp_path: Path
) -> None:
    asked = write_template(tmp_path / "t.yaml", range=NARROW)
    ran = gonio("explain", sound, "-t", asked, "--rep", 3)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert "Repetition 3 is incorrect: beyond the limit." in lines
    assert any(line.startswith("The range is ") and "at most 58.0°" in line for line in lines)
    assert any("start" in line and "peak" in line and "end" in line for line in lines)
    (row,) = [line for line in lines if line.startswith("beyond the limit ")]
    assert "max 58.0°" in row
    assert "broken" in row


@pytest.mark.parametrize("kind", list(exercises()))
def test_the_explanation_is_of_the_repetition_that_replay_lists(
    gonio: Gonio, tmp_path: Path, kind: str
) -> None:
    made = exercises()[kind]
    path, asked = tmp_path / "r.parquet", tmp_path / "t.yaml"
    info = RecordingInfo(
        sensors={each.sensor: SensorInfo(rate_hz=50.0) for each in made.samples},
        calibration=None if made.calibration is None else made.calibration.document(),
    )
    with RecordingWriter(path, info) as writer:
        for samples in made.samples:
            writer.write(samples)
    asked.write_text(made.template.to_yaml(), "utf-8")
    listed = repetitions(gonio("replay", path, "-t", asked, "--json"))
    for event in (listed[0], listed[-1]):
        page = tmp_path / f"{event.index}.html"
        found = document(
            gonio("explain", path, "-t", asked, "--rep", event.index, "--json", "-o", page)
        )
        assert decode(json.dumps(found["repetition"])) == event
        assert broken(found, "fault") == event.faults
        assert broken(found, "note") == event.notes
        near = [each["rule"] for each in found["rules"] if each["borderline"]]
        assert near == event.borderline
        assert page.stat().st_size > 100_000


def test_the_page_shows_the_angle_before_during_and_after(
    gonio: Gonio, sound: Path, exercise: Path, tmp_path: Path
) -> None:
    for index in (1, 2, 6):
        page = tmp_path / "e.html"
        ran = gonio("explain", sound, "-t", exercise, "--rep", index, "--json", "-o", page)
        assert ran.err == f"wrote the page {page}\n"
        event = document(ran)["repetition"]
        drawn = Page(page.read_text("utf-8")).documents["figure-angle"]["data"]
        (line,) = [trace for trace in drawn if trace["name"] == "angle"]
        x = [t_s for t_s in line["x"] if t_s is not None]
        y = [deg for deg in line["y"] if deg is not None]
        assert x[0] < event["start_s"] - 0.5
        assert x[-1] > event["end_s"] + 2.0
        assert max(after - before for before, after in itertools.pairwise(x)) < 0.1
        within = [
            deg for t_s, deg in zip(x, y, strict=True) if event["start_s"] <= t_s <= event["end_s"]
        ]
        assert max(within) == pytest.approx(event["rom_deg"], abs=1e-3)
        # The rest is at zero, and nothing jumps where the axis was found better meanwhile.
        at_rest = [deg for t_s, deg in zip(x, y, strict=True) if 0.1 < event["start_s"] - t_s < 0.4]
        assert max(map(abs, at_rest)) < 3.0
        assert max(abs(a - b) for a, b in itertools.pairwise(y)) < 8.0


@pytest.fixture
def session(gonio: Gonio, sound: Path, exercise: Path, tmp_path: Path) -> Path:
    """A session recording of six repetitions."""
    path = tmp_path / "session.parquet"
    assert gonio("replay", sound, "-t", exercise, "-o", path).code == 0
    return path


def two_sets(path: Path, session: Path, other: str | None = None) -> Path:
    """The same session in two sets of three; other: the exercise of the second one."""
    stored = json.loads(read_info(session).to_json())
    log = stored["log"]
    middle = sum(t_s < 13.5 for t_s in log["watermarks_s"])
    added = [{"after": middle, "control": {"control": "begin_set"}}]
    if other is not None:
        start = json.loads(json.dumps(log["controls"][0]["control"]))
        start["template"]["id"], start["template"]["name"] = other.lower(), other
        added.insert(0, {"after": middle, "control": start})
    log["controls"][2:2] = added
    copy_recording(session, path, info_changes={"log": log, "events": None})
    return path


def test_a_session_recording_needs_no_template(gonio: Gonio, session: Path) -> None:
    found = document(gonio("explain", session, "--rep", 4, "--json"))
    assert found["repetition"]["index"] == 4
    stored = [each for each in read_info(session).events or [] if each["type"] == "rep"]
    assert found["repetition"] == stored[3]


def test_sets_are_numbered_as_they_follow_each_other(
    gonio: Gonio, session: Path, tmp_path: Path
) -> None:
    path = two_sets(tmp_path / "two.parquet", session)
    gonio("explain", path, "--rep", 2).refused("--set", "set 1: 1 to 3; set 2: 1 to 3")
    found = document(gonio("explain", path, "--rep", 2, "--set", 2, "--json"))
    assert (found["set"], found["repetition"]["set_index"]) == (2, 2)
    assert found["sentences"][0].startswith("Repetition 2 of set 2 is ")
    gonio("explain", path, "--rep", 4, "--set", 2).refused(
        "no repetition 4 in set 2", "set 2: 1 to 3"
    )
    gonio("explain", path, "--rep", 1, "--set", 3).refused("no repetition 1 in set 3")


def test_sets_of_several_exercises_are_numbered_through(
    gonio: Gonio, session: Path, tmp_path: Path
) -> None:
    path = two_sets(tmp_path / "two.parquet", session, "Second")
    gonio("explain", path, "--rep", 9).refused(
        "choose with --set and --rep", "set 1 of synthetic: 1 to 3; set 2 of second: 1 to 3"
    )
    ran = gonio("explain", path, "--rep", 1, "--set", 1)
    assert ran.out.splitlines()[0] == "Synthetic"
    assert "target shown" not in ran.out
    assert gonio("explain", path, "--rep", 1, "--set", 2).out.splitlines()[0] == "Second"


def test_a_repetition_that_is_not_there_is_refused_with_what_is(
    gonio: Gonio, sound: Path, exercise: Path
) -> None:
    gonio("explain", sound, "-t", exercise, "--rep", 7).refused(
        str(sound), "no repetition 7", "choose with --rep", "6 repetitions, 1 to 6"
    )


def test_where_nothing_was_counted_nothing_is_explained(
    gonio: Gonio, exercise: Path, tmp_path: Path
) -> None:
    still = write(tmp_path / "still.parquet", swings(reps=()))
    gonio("explain", still, "-t", exercise, "--rep", 1).refused(
        "No repetition was counted", "gonio replay"
    )
    one = write(tmp_path / "one.parquet", swings(reps=even(1)))
    gonio("explain", one, "-t", exercise, "--rep", 2).refused("1 repetition, 1.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rep", "0"], ["--rep 0", "numbered from 1"]),
        (["--rep", "-3"], ["--rep -3", "numbered from 1"]),
        (["--rep", "2", "--set", "0"], ["--set 0", "numbered from 1"]),
        (["--rep", "two"], ["--rep", "'two'", "gonio explain --help"]),
        ([], ["--rep", "gonio explain --help"]),
        (["--rep", "1", "--slot", "one"], ["--slot one"]),
        (["--rep", "1", "--calibrate", "5"], ["--calibrate 5"]),
    ],
)
def test_options_that_make_no_sense_are_refused(
    gonio: Gonio, sound: Path, exercise: Path, arguments: list[str], words: list[str]
) -> None:
    gonio("explain", sound, "-t", exercise, *arguments).refused(*words)


def test_files_that_cannot_serve_are_refused(
    gonio: Gonio, sound: Path, exercise: Path, tmp_path: Path
) -> None:
    gonio("explain", sound, "--rep", 1).refused("holds samples only", "--template")
    gonio("explain", tmp_path / "none.parquet", "-t", exercise, "--rep", 1).refused("none.parquet")
    gonio("explain", exercise, "-t", exercise, "--rep", 1).refused(str(exercise))
    ran = gonio("explain", sound, "-t", exercise, "--rep", 1, "-o", sound)
    ran.refused("--output", "would overwrite")
    ran = gonio("explain", sound, "-t", exercise, "--rep", 1, "-o", exercise)
    ran.refused("--output", "would overwrite")
    gonio("explain", sound, "-t", exercise, "--rep", 1, "-o", tmp_path / "no" / "e.html").refused(
        "cannot be written"
    )


def test_a_repetition_that_falls_short_says_by_how_much(
    gonio: Gonio, exercise: Path, tmp_path: Path
) -> None:
    reps = [*even(3), Rep(16.0, 40.0)]
    path = write(tmp_path / "r.parquet", swings(reps=reps))
    found = document(gonio("explain", path, "-t", exercise, "--rep", 4, "--json"))
    assert broken(found, "fault") == ["range_short"]
    assert found["sentences"][0] == "Repetition 4 is incorrect: range too small."
    (comparison,) = found["rules"][0]["comparisons"]
    assert comparison["margin"] == pytest.approx(-5.0, abs=1.0)
