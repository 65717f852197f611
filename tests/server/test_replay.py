"""`gonio replay` as a person and a program meet it: what it counts, tells, writes and compares."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devices.recording import Recording, copy_recording, read_info
from motion.events import RepetitionEvent, SessionEvent, SetEvent, decode
from motion.samples import Samples
from motion.session import StopControl, control_document
from tests.motion.movement import Rep, Worn, damaged, even, lost, record
from tests.server.conftest import Gonio, Ran
from tests.server.recordings import LASTS_S, SWINGS, rewrite, swings, with_metadata, write
from tests.server.recordings import write_template as template_file


def events(ran: Ran) -> list[Any]:
    return [decode(line) for line in ran.out.splitlines()]


def counted(ran: Ran) -> int:
    return sum(isinstance(event, RepetitionEvent) for event in events(ran))


def still(slot: str, last_s: float = LASTS_S) -> Samples:
    return record((), Worn(slot=slot), last_s)


# --- what it counts and tells


def test_a_person_gets_a_table_and_a_summary(gonio: Gonio, sound: Path, exercise: Path) -> None:
    ran = gonio("replay", sound, "-t", exercise, "--side", "left")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[:3] == [
        "Synthetic, left",
        "sound, 30.0 s",
        "Target: at least 45°, goal 55°, limit 100°",
    ]
    rows = [line.split() for line in lines if "correct" in line]
    assert [row[0] for row in rows[:SWINGS]] == ["1", "2", "3", "4", "5", "6"]
    assert lines[-1].startswith("6 repetitions, 6 correct, 6 reached the goal, mean range 60°")


def test_a_program_gets_one_event_a_line(gonio: Gonio, sound: Path, exercise: Path) -> None:
    ran = gonio("replay", sound, "-t", exercise, "--json")
    assert (ran.code, ran.err) == (0, "")
    given = events(ran)
    reps = [event for event in given if isinstance(event, RepetitionEvent)]
    assert [event.index for event in reps] == [1, 2, 3, 4, 5, 6]
    assert isinstance(given[-1], SessionEvent)
    assert isinstance(given[-2], SetEvent)
    assert given[-1].repetitions == given[-2].repetitions == SWINGS
    assert "angle" not in {json.loads(line)["type"] for line in ran.out.splitlines()}


def test_the_only_sensor_serves_whatever_it_is_called(gonio: Gonio, tmp_path: Path) -> None:
    recording = write(tmp_path / "r.parquet", swings("u4"))
    template = template_file(tmp_path / "t.yaml", ("wrist",))
    ran = gonio("replay", recording, "-t", template, "--json")
    assert counted(ran) == SWINGS
    assert ran.err == "The recording's only sensor, 'u4', serves as 'wrist'.\n"
    named = gonio("replay", recording, "-t", template, "--slot", "wrist=u4", "--json")
    assert (named.out, named.err) == (ran.out, "")


def test_a_recording_without_movement_is_no_error(
    gonio: Gonio, exercise: Path, tmp_path: Path
) -> None:
    recording = write(tmp_path / "still.parquet", still("one"))
    ran = gonio("replay", recording, "-t", exercise, "--report", tmp_path / "r.html")
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "No repetition was counted"
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "No repetition was counted" in page
    assert "no angle to show" in page


# --- damaged samples are told with their times, and never stop a replay


DAMAGE: list[tuple[Callable[[Samples], Samples], int, str]] = [
    (
        lambda one: damaged(one, 10.0, 13.0, "nan"),
        5,
        "Sensor one gave nothing usable from 10.0 s to 13.0 s (3.0 s): values that are no numbers.",
    ),
    (
        lambda one: lost(one, 10.0, 13.0),
        5,
        "Sensor one gave nothing usable from 10.0 s to 13.0 s (3.0 s): no samples.",
    ),
    (
        lambda one: damaged(one, 10.0, 13.0, "saturated"),
        5,
        "from 10.0 s to 13.0 s (3.0 s): beyond what the sensor can measure.",
    ),
    (
        lambda one: damaged(one, 10.0, 13.0, "frozen"),
        5,
        "to 13.0 s (2.5 s): the same values over and over.",
    ),
    (
        lambda one: damaged(one, 15.0, 99.0, "frozen"),
        3,
        "to 30.0 s (14.5 s): the same values over and over.",
    ),
    (
        lambda one: damaged(one, 10.5, 10.7, "nan"),
        6,
        "gaps were bridged: at 10.5 s for 0.22 s (values that are no numbers).",
    ),
    (
        lambda one: lost(lost(one, 10.5, 10.7), 20.0, 20.1),
        6,
        "bridged: at 10.5 s for 0.22 s (no samples), at 20.0 s for 0.12 s (no samples).",
    ),
    (
        lambda one: damaged(one, 10.5, 10.7, "saturated"),
        6,
        "for 0.18 s (beyond what the sensor can measure).",
    ),
]


@pytest.mark.parametrize(("damage", "count", "told"), DAMAGE)
def test_damage_is_told_with_its_times(
    gonio: Gonio,
    exercise: Path,
    tmp_path: Path,
    damage: Callable[[Samples], Samples],
    count: int,
    told: str,
) -> None:
    recording = write(tmp_path / "r.parquet", damage(swings()))
    report = tmp_path / "r.html"
    ran = gonio("replay", recording, "-t", exercise, "--report", report)
    assert ran.code == 0
    assert f"{count} repetitions" in ran.out
    assert told in ran.out
    assert told in report.read_text("utf-8")
    program = gonio("replay", recording, "-t", exercise, "--json")
    assert program.code == 0
    assert counted(program) == count
    assert told in program.err


@pytest.mark.parametrize("both", [False, True], ids=["the only one used", "one of two used"])
def test_a_sensor_that_dies_half_way_is_told(gonio: Gonio, tmp_path: Path, both: bool) -> None:
    recording = write(tmp_path / "r.parquet", lost(swings(), 15.0, 99.0), still("two"))
    template = template_file(tmp_path / "t.yaml", ("two", "one") if both else ("one",))
    ran = gonio("replay", recording, "-t", template)
    assert ran.code == 0
    assert "3 repetitions" in ran.out
    assert "Sensor one gave nothing usable from 15.0 s to 30.0 s (15.0 s): no samples." in ran.out
    (session,) = [e for e in events(gonio("replay", recording, "-t", template, "--json"))][-1:]
    assert [silence.sensor for silence in session.silences] == ["one"]


def test_a_sensor_that_begins_late_is_told(gonio: Gonio, tmp_path: Path, exercise: Path) -> None:
    recording = write(tmp_path / "r.parquet", lost(swings(), 0.0, 9.5), still("two"))
    ran = gonio("replay", recording, "-t", exercise)
    assert "4 repetitions" in ran.out
    assert "The recording begins at 0.0 s, the sensors used here at 9.5 s." in ran.out


def test_a_repetition_around_a_gap_is_marked(gonio: Gonio, tmp_path: Path, exercise: Path) -> None:
    recording = write(tmp_path / "r.parquet", lost(swings(), 10.8, 11.6))
    ran = gonio("replay", recording, "-t", exercise, "--json")
    notes = {e.index: e.notes for e in events(ran) if isinstance(e, RepetitionEvent)}
    assert counted(ran) == SWINGS
    assert [index for index, told in notes.items() if "interrupted" in told] == [3]


def test_very_many_silences_are_summed_up(gonio: Gonio, tmp_path: Path, exercise: Path) -> None:
    samples = record(even(60), Worn(slot="one", rate_hz=20.0), 250.0)
    for k in range(60):
        samples = lost(samples, 4.0 * k + 1.0, 4.0 * k + 1.7)
    ran = gonio("replay", write(tmp_path / "r.parquet", samples), "-t", exercise)
    assert ran.out.count("gave nothing usable") == 50
    assert "... and 10 more such spans, the last one until 3:57.7; --json lists them" in ran.out


# --- what it writes and compares


@pytest.fixture
def session(gonio: Gonio, sound: Path, exercise: Path, tmp_path: Path) -> Path:
    """A session recording, as `-o` writes it."""
    path = tmp_path / "session.parquet"
    ran = gonio("replay", sound, "-t", exercise, "-o", path)
    assert ran.code == 0
    assert ran.err == f"wrote the session recording {path}\n"
    return path


def change_metadata(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    document = json.loads(read_info(path).to_json())
    change(document)
    return rewrite(path, with_metadata(json.dumps(document).encode()))


def test_a_session_recording_replays_itself(gonio: Gonio, session: Path, tmp_path: Path) -> None:
    info = read_info(session)
    assert info.log is not None
    assert info.events is not None
    assert info.engine is not None
    assert [control.control["control"] for control in info.log.controls] == [
        "start", "begin_set", "stop",
    ]  # fmt: skip
    again = tmp_path / "again.parquet"
    ran = gonio("replay", session, "--json", "-o", again)
    assert [json.loads(line) for line in ran.out.splitlines()] == info.events
    assert read_info(again).events == info.events
    assert read_info(again).log == info.log


def test_only_the_sensors_used_are_written(gonio: Gonio, exercise: Path, tmp_path: Path) -> None:
    recording = write(tmp_path / "r.parquet", swings("u1"), still("u2"))
    path = tmp_path / "session.parquet"
    ran = gonio("replay", recording, "-t", exercise, "--slot", "one=u1", "-o", path)
    assert ran.code == 0
    assert Recording.open(path).slots == ("one",)
    assert gonio("replay", path, "--check").code == 0


def test_check_says_identical(gonio: Gonio, session: Path) -> None:
    stored = len(read_info(session).events or [])
    ran = gonio("replay", session, "--check")
    assert (ran.code, ran.out, ran.err) == (0, f"identical: {stored} events\n", "")
    with_json = gonio("replay", session, "--check", "--json")
    assert with_json.code == 0
    assert counted(with_json) == SWINGS
    assert with_json.err == ran.out


def test_check_names_the_first_field_that_differs(gonio: Gonio, session: Path) -> None:
    events = read_info(session).events or []
    at = next(number for number, event in enumerate(events) if event["type"] == "rep")

    def tamper(document: dict[str, Any]) -> None:
        document["events"][at]["rom_deg"] += 1e-12

    ran = gonio("replay", change_metadata(session, tamper), "--check")
    assert ran.code == 1
    first, stored, now = ran.out.splitlines()
    assert first == f"different: event {at + 1}, rom_deg"
    assert stored.startswith("  stored {")
    assert now.startswith("  now    {")
    assert json.loads(now[9:]) == events[at]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda events: events.pop(), "is not among the stored ones"),
        (lambda events: events.append({"type": "rep"}), "is missing now"),
        (lambda events: events.clear(), "event 1 is not among the stored ones"),
        (lambda events: events[0].update(extra=None), "event 1, extra"),
    ],
)
def test_check_finds_events_that_are_gone_or_new(
    gonio: Gonio, session: Path, change: Callable[[list[Any]], None], told: str
) -> None:
    ran = gonio("replay", change_metadata(session, lambda d: change(d["events"])), "--check")
    assert ran.code == 1
    assert told in ran.out.splitlines()[0]


def test_check_says_where_the_engine_differs(gonio: Gonio, session: Path) -> None:
    def older(document: dict[str, Any]) -> None:
        document["engine"]["numpy"] = "1.0"
        document["engine"]["cpu_features"] = "none"

    ran = gonio("replay", change_metadata(session, older), "--check")
    assert ran.code == 0
    assert ran.out.startswith("identical: ")
    assert "numpy 1.0 then, " in ran.out
    assert "other CPU features" in ran.out
    change_metadata(session, lambda document: document.pop("engine"))
    assert "does not say which engine" in gonio("replay", session, "--check").out


def test_check_needs_stored_events(gonio: Gonio, sound: Path, exercise: Path) -> None:
    gonio("replay", sound, "--check").refused(str(sound), "no events", "-o FILE")
    gonio("replay", sound, "-t", exercise, "--check").refused("no events", "-o FILE")


def test_another_template_takes_the_place_of_the_logged_one(
    gonio: Gonio, session: Path, tmp_path: Path
) -> None:
    narrow = template_file(
        tmp_path / "n.yaml",
        range={"count_from_deg": 15, "minimum_deg": 70, "goal_deg": 75, "limit_deg": 100},
    )
    ran = gonio("replay", session, "-t", narrow, "--side", "right")
    assert "Synthetic, right" in ran.out
    assert "6 repetitions, 0 correct" in ran.out
    assert "takes the place of the one in the log" in ran.out
    assert gonio("replay", session, "-t", narrow, "--check").code == 1


# --- logs that do not hold together


def stored_log(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["log"].update(changes)


def start(document: dict[str, Any]) -> dict[str, Any]:
    control: dict[str, Any] = document["log"]["controls"][0]["control"]
    return control


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["log"]["controls"].pop(0), ["starts no exercise"]),
        (lambda d: start(d).update(control="dance"), ["cannot be replayed", "control"]),
        (lambda d: start(d)["template"].pop("range"), ["template in the log: range", "required"]),
        (
            lambda d: start(d).update(calibration={"rotations": {"one": [2, 0, 0, 0]}}),
            ["calibration cannot be used"],
        ),
        (
            lambda d: d["log"]["controls"].insert(
                1, {"after": 0, "control": control_document(StopControl())}
            ),
            ["has ended"],
        ),
        (stored_log(watermarks_s=[2.0, 1.0]), ["log", "goes backwards"]),
    ],
)
def test_a_broken_log_is_refused(
    gonio: Gonio, session: Path, change: Callable[[dict[str, Any]], None], words: list[str]
) -> None:
    ran = gonio("replay", change_metadata(session, change))
    ran.refused(str(session), *words)


def two_exercises(path: Path, session: Path) -> Path:
    """A session of two exercises, three swings each."""
    document = json.loads(read_info(session).to_json())
    log = document["log"]
    second = json.loads(json.dumps(log["controls"][0]["control"]))
    second["template"]["id"] = "second"
    second["template"]["name"] = "The second"
    middle = sum(t_s < 13.5 for t_s in log["watermarks_s"])
    log["controls"][2:2] = [
        {"after": middle, "control": second},
        {"after": middle, "control": {"control": "begin_set"}},
    ]
    copy_recording(session, path, info_changes={"log": log, "events": None})
    return path


def test_a_session_of_several_exercises_tells_them_apart(
    gonio: Gonio, session: Path, exercise: Path, tmp_path: Path
) -> None:
    path = two_exercises(tmp_path / "two.parquet", session)
    report = tmp_path / "r.html"
    ran = gonio("replay", path, "--report", report)
    assert ran.code == 0
    assert "Synthetic, set 1: 3 repetitions" in ran.out
    assert "Second, set 1: 3 repetitions" in ran.out
    assert "several exercises (synthetic, second); the target shown is that of the last" in ran.out
    page = report.read_text("utf-8")
    assert page.count("class='set'") == 2
    other = template_file(tmp_path / "o.yaml", id="third")
    gonio("replay", path, "-t", other).refused("(synthetic, second)", "'third' is none of them")
    assert gonio("replay", path, "-t", exercise).code == 0


# --- one's own reference

OWN_RANGE = {
    "count_from_deg": 15,
    "minimum_deg": 45,
    "goal_deg": 65,
    "limit_deg": 100,
    "reference": "own",
}


def test_a_range_is_told_as_a_share_of_the_goal_and_of_ones_own(
    gonio: Gonio, tmp_path: Path
) -> None:
    ranges = (60.0, 60.0, 60.0, 60.0, 50.0, 50.0)
    reps = [Rep(2.0 + 4.0 * number, deg, 1.2, 0.3, 1.2) for number, deg in enumerate(ranges)]
    recording = write(tmp_path / "r.parquet", swings(reps=reps))
    exercise = template_file(tmp_path / "own.yaml", range=OWN_RANGE)
    ran = gonio("replay", recording, "-t", exercise, "--report", tmp_path / "r.html")
    assert "at least 85 % of one's own first 3 repetitions, from 42.8° up to the goal" in ran.out
    rows = [line for line in ran.out.splitlines() if " s  " in line and "°" in line]
    assert "of goal/own" in ran.out
    assert "92 / - %" in rows[0]
    assert "92 / 100 %" in rows[3]
    assert "77 / 83 %" in rows[4]
    assert "range too small" in rows[4]
    report = (tmp_path / "r.html").read_text("utf-8")
    assert "data-label='Of goal / own'>77 / 83 %<" in report
    assert "median of one&#x27;s own first three" in report or "one's own first three" in report
    explained = gonio("explain", recording, "-t", exercise, "--rep", 5)
    assert "83 % of one's own first 3 repetitions" in explained.out
    plain = gonio("replay", recording, "-t", template_file(tmp_path / "plain.yaml"))
    assert "of goal/own" not in plain.out


def test_a_session_judged_against_ones_own_replays_to_the_same_events(
    gonio: Gonio, tmp_path: Path
) -> None:
    exercise = template_file(tmp_path / "own.yaml", range=OWN_RANGE)
    recording, session = write(tmp_path / "r.parquet", swings()), tmp_path / "session.parquet"
    assert gonio("replay", recording, "-t", exercise, "-o", session).code == 0
    checked = gonio("replay", session, "--check")
    assert (checked.code, checked.out.startswith("identical")) == (0, True)
    events_of = read_info(session).events or []
    assert any(event.get("rom_share_own") is not None for event in events_of)
