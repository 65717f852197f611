"""`gonio compare`, and the report's comparison with a session before: what a person and a program
get, and what is refused.
"""

import json
from pathlib import Path

import pytest

from tests.motion.movement import Rep, even
from tests.server.conftest import Gonio
from tests.server.recordings import swings, write, write_template


def reps(range_deg: float) -> tuple[Rep, ...]:
    """Six of about this range."""
    return tuple(
        Rep(2.0 + 4.0 * k, range_deg * (1.0 + 0.01 * (k % 3)), 1.2, 0.3, 1.2) for k in range(6)
    )


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return write(tmp_path / "first.parquet", swings(reps=reps(90.0)))


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return write(tmp_path / "second.parquet", swings(reps=reps(60.0)))


def test_a_change_between_two_sessions_is_told(
    gonio: Gonio, first: Path, second: Path, exercise: Path
) -> None:
    ran = gonio("compare", first, second, "-t", exercise)
    assert (ran.code, ran.err) == (0, "")
    (row,) = [line for line in ran.out.splitlines() if line.startswith("range ")]
    assert row.rstrip().endswith("yes")
    assert "6 repetitions and 6 repetitions" in ran.out
    assert "The range fell by 33 % from the first session to the second (95 % interval" in ran.out
    assert "day to day two sessions cannot tell" in ran.out


def test_the_same_recording_twice_has_not_changed(
    gonio: Gonio, first: Path, exercise: Path
) -> None:
    ran = gonio("compare", first, first, "-t", exercise)
    assert "No change beyond chance and the measuring uncertainty." in ran.out


def test_a_program_gets_unrounded_figures(
    gonio: Gonio, first: Path, second: Path, exercise: Path
) -> None:
    ran = gonio("compare", first, second, "-t", exercise, "--side", "left", "--json")
    document = json.loads(ran.out)
    assert (document["before"], document["after"]) == (str(first), str(second))
    (compared,) = document["compared"]
    assert (compared["side"], compared["repetitions"]) == ("left", [6, 6])
    change = compared["changes"]["range"]
    assert change["means_something"] is True
    assert change["low"] < change["change"] < change["high"] < -change["detectable"] / 2
    assert change["after"] - change["before"] == change["change"]
    assert set(compared["changes"]) == {"range", "out", "hold", "back", "smoothness", "score"}


def test_scores_by_different_prescriptions_are_not_compared(
    gonio: Gonio, first: Path, second: Path, exercise: Path, tmp_path: Path
) -> None:
    other = write_template(tmp_path / "other.yaml", tempo={"active_s": [0.5, 6.0]})
    sessions = []
    for number, (recording, template) in enumerate(((first, exercise), (second, other))):
        sessions.append(tmp_path / f"session-{number}.parquet")
        assert gonio("replay", recording, "-t", template, "-o", sessions[-1]).code == 0
    ran = gonio("compare", *sessions)
    assert "\nscore" not in ran.out
    assert "The scores are not compared: the sessions had different prescriptions." in ran.out
    # The same template for both takes the place of their own.
    assert "\nscore" in gonio("compare", *sessions, "-t", exercise).out


def test_what_cannot_be_compared_is_one_sentence(
    gonio: Gonio, first: Path, second: Path, exercise: Path, tmp_path: Path
) -> None:
    still = write(tmp_path / "still.parquet", swings(reps=()))
    gonio("compare", still, first, "-t", exercise).refused(
        "No repetition was counted in the first session"
    )
    gonio("compare", first, still, "-t", exercise).refused("in the second session")
    gonio("compare", first, second).refused("--template")
    gonio("compare", first, tmp_path / "none.parquet", "-t", exercise).refused("none.parquet")
    gonio("compare", first, second, "-t", "no-such-exercise").refused("no-such-exercise")


def session_of(gonio: Gonio, recording: Path, target: Path, *options: object) -> Path:
    assert gonio("replay", recording, *options, "-o", target).code == 0
    return target


def test_sessions_of_other_exercises_and_sides_are_refused(
    gonio: Gonio, first: Path, exercise: Path, tmp_path: Path
) -> None:
    other = write_template(tmp_path / "other.yaml", id="other")
    left = session_of(gonio, first, tmp_path / "left.parquet", "-t", exercise, "--side", "left")
    right = session_of(gonio, first, tmp_path / "right.parquet", "-t", exercise, "--side", "right")
    third = session_of(gonio, first, tmp_path / "third.parquet", "-t", other)
    gonio("compare", left, right).refused("has left, the second right", "--side")
    gonio("compare", left, third).refused("has synthetic, the second other")
    assert gonio("compare", left, right, "--side", "left").code == 0


def test_too_few_repetitions_are_told_and_no_error(
    gonio: Gonio, first: Path, exercise: Path, tmp_path: Path
) -> None:
    few = write(tmp_path / "few.parquet", swings(reps=even(2)))
    ran = gonio("compare", first, few, "-t", exercise)
    assert ran.code == 0
    assert "Too few repetitions to compare the sessions: 6 and 2" in ran.out


def test_the_report_compares_with_a_session_before(
    gonio: Gonio, first: Path, second: Path, exercise: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    ran = gonio("replay", second, "-t", exercise, "--before", first, "--report", report)
    assert ran.code == 0
    page = report.read_text("utf-8")
    assert "Since the session before" in page
    assert "The range fell by 33&nbsp;% from the first session to the second" in page
    gonio("replay", second, "-t", exercise, "--report", report)
    assert "Since the session before" not in report.read_text("utf-8")


def test_a_session_before_needs_a_report_and_is_never_overwritten(
    gonio: Gonio, first: Path, second: Path, exercise: Path
) -> None:
    asked = ["replay", second, "-t", exercise, "--before", first]
    gonio(*asked).refused("--before", "--report", "gonio compare")
    gonio(*asked, "--report", first).refused("--report", "overwrite")


def test_a_decline_from_ones_own_first_repetitions_is_told(gonio: Gonio, tmp_path: Path) -> None:
    own = {
        "count_from_deg": 15,
        "minimum_deg": 40,
        "goal_deg": 95,
        "limit_deg": 120,
        "reference": "own",
    }
    exercise = write_template(tmp_path / "own.yaml", range=own)
    declining = [
        *reps(90.0)[:3],
        *(Rep(14.0 + 4.0 * k, 55.0 + k % 2, 1.2, 0.3, 1.2) for k in range(5)),
    ]
    recording = write(tmp_path / "r.parquet", swings(reps=declining, last_s=36.0))
    report = tmp_path / "report.html"
    ran = gonio("replay", recording, "-t", exercise, "--report", report)
    assert "against the first 3 repetitions (95 % interval" in ran.out
    assert "Against one&#x27;s own first repetitions" in report.read_text("utf-8")
