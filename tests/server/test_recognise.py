"""`gonio recognise` names repetitions, and `gonio replay --among` says that another exercise was
done; the log keeps what is needed, so that the replay of a replay says the same.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from devices.recording import Recording, read_info
from motion.samples import Samples
from tests.motion.movement import Worn, record, rotation
from tests.motion.plans import BEND, LIFT, LYING, ROLL, done
from tests.server.conftest import Gonio
from tests.server.recordings import dead, write, write_template

ORDER = ["bend", "lift", "lift", "bend"]


@pytest.fixture
def plan(tmp_path: Path) -> dict[str, Path]:
    """Templates of a plan, by id."""
    paths = {}
    for template in (BEND, LIFT, ROLL, LYING):
        paths[template.id] = tmp_path / f"{template.id}.yaml"
        paths[template.id].write_text(template.to_yaml(), "utf-8")
    return paths


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A bend, two lifts and another bend."""
    return write(tmp_path / "mixed.parquet", *done(ORDER), id="mixed")


def templates(plan: dict[str, Path], *names: str, option: str = "-t") -> list[object]:
    return [part for name in names for part in (option, plan[name])]


def events(lines: str, kind: str) -> list[dict[str, object]]:
    documents: Iterable[dict[str, object]] = (json.loads(line) for line in lines.splitlines())
    return [document for document in documents if document["type"] == kind]


def test_a_person_gets_every_repetition_with_its_name_and_totals(
    gonio: Gonio, mixed: Path, plan: dict[str, Path]
) -> None:
    ran = gonio("recognise", mixed, *templates(plan, "bend", "lift", "roll"))
    assert ran.code == 0
    rows = [line.split() for line in ran.out.splitlines()]
    named = [row[5] for row in rows if row and row[0] in "1234"]
    assert named == ["Bend", "Lift", "Lift", "Bend"]
    totals = {row[0]: row[1] for row in rows if row and row[0] in ("Bend", "Lift", "Roll")}
    assert totals == {"Bend": "2", "Lift": "2", "Roll": "0"}


def test_a_program_gets_one_name_a_line(gonio: Gonio, mixed: Path, plan: dict[str, Path]) -> None:
    ran = gonio("recognise", mixed, *templates(plan, "bend", "lift"), "--json")
    named = events(ran.out, "recognised")
    assert [event["exercise"] for event in named] == ORDER
    assert len(named) == len(ran.out.splitlines())


def test_one_exercise_alone_has_nothing_to_be_told_from(
    gonio: Gonio, mixed: Path, plan: dict[str, Path]
) -> None:
    gonio("recognise", mixed, *templates(plan, "bend")).refused("--template", "every exercise")


def test_exercises_without_a_signature_are_refused(
    gonio: Gonio, mixed: Path, plan: dict[str, Path], tmp_path: Path
) -> None:
    found = write_template(tmp_path / "found.yaml", ["limb"])
    ran = gonio("recognise", mixed, *templates(plan, "bend"), "-t", found)
    ran.refused("synthetic", "learned from a demonstration")


@pytest.mark.parametrize("verb", ["recognise", "replay"])
def test_two_exercises_of_one_id_are_refused(
    gonio: Gonio, mixed: Path, plan: dict[str, Path], verb: str
) -> None:
    option = "-t" if verb == "recognise" else "--among"
    ran = gonio(verb, mixed, "-t", plan["bend"], option, plan["bend"])
    ran.refused("bend.yaml", "an id of its own")


def test_a_session_recording_is_named_whatever_its_log_prescribed(
    gonio: Gonio, mixed: Path, plan: dict[str, Path], tmp_path: Path
) -> None:
    session = tmp_path / "session.parquet"
    gonio("replay", mixed, "-t", plan["bend"], "-o", session)
    ran = gonio("recognise", session, *templates(plan, "lift", "bend"), "--json")
    assert [event["exercise"] for event in events(ran.out, "recognised")] == ORDER


def test_a_replay_says_that_another_exercise_was_done(
    gonio: Gonio, mixed: Path, plan: dict[str, Path], tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    asked = [*templates(plan, "bend"), *templates(plan, "lift", "roll", option="--among")]
    ran = gonio("replay", mixed, *asked, "--report", report)
    told = "it looked like another exercise: Lift (lift)"
    assert told in ran.out
    assert told in report.read_text("utf-8")
    as_json = gonio("replay", mixed, *asked, "--json")
    assert told in as_json.err
    [event] = events(as_json.out, "looks_like")
    assert (event["exercise"], event["looks_like"], event["repetitions"]) == ("bend", "lift", 2)
    assert "looked like" not in gonio("replay", mixed, *templates(plan, "bend")).out


def test_the_log_keeps_the_plan_so_that_a_replay_says_the_same(
    gonio: Gonio, mixed: Path, plan: dict[str, Path], tmp_path: Path
) -> None:
    session = tmp_path / "session.parquet"
    among = templates(plan, "lift", option="--among")
    gonio("replay", mixed, *templates(plan, "bend"), *among, "-o", session)
    stored = read_info(session).events or []
    assert len([event for event in stored if event["type"] == "looks_like"]) == 1
    ran = gonio("replay", session, "--check")
    assert (ran.code, ran.out.startswith("identical")) == (0, True)
    # Another plan takes the place of the logged one.
    other = gonio("replay", session, *templates(plan, "roll", option="--among"), "--json")
    assert events(other.out, "looks_like") == []


def test_bystanders_are_read_where_they_are_and_kept_in_a_session(
    gonio: Gonio, mixed: Path, plan: dict[str, Path], tmp_path: Path
) -> None:
    session = tmp_path / "session.parquet"
    assert gonio("replay", mixed, *templates(plan, "bend"), "-o", session).code == 0
    assert set(Recording.open(session).slots) == {"limb", "aside"}
    assert gonio("replay", session, "--check").code == 0


def _limb(samples: Sequence[Samples]) -> list[Samples]:
    return [each for each in samples if each.sensor == "limb"]


def test_a_bystander_that_is_missing_or_dead_stops_nothing(
    gonio: Gonio, plan: dict[str, Path], tmp_path: Path
) -> None:
    limb = _limb(done(["bend", "bend"]))
    aside = dead(record((), Worn("aside").turned(rotation((1.0, 0.0, 0.0), 5.0)), 9.0))
    for name, samples in (("missing", limb), ("dead", [*limb, aside])):
        recording = write(tmp_path / f"{name}.parquet", *samples)
        ran = gonio("replay", recording, *templates(plan, "bend"), "--json")
        assert ran.code == 0, name
        assert len(events(ran.out, "rep")) == 2, name


def test_a_bystander_may_go_by_another_name(
    gonio: Gonio, plan: dict[str, Path], tmp_path: Path
) -> None:
    limb, aside = done(["bend", "bend"])
    other = Samples.of("u7", aside.t_s, aside.acc_mps2, aside.gyr_radps)
    recording = write(tmp_path / "r.parquet", limb, other)
    asked = templates(plan, "lying", "bend")
    unsure = events(gonio("recognise", recording, *asked, "--json").out, "recognised")
    told = gonio("recognise", recording, *asked, "--slot", "aside=u7", "--json")
    sure = events(told.out, "recognised")
    assert [event["exercise"] for event in sure] == ["bend", "bend"]
    assert all(float(str(event["sure"])) < 0.6 for event in unsure)
    assert all(float(str(event["sure"])) > 0.9 for event in sure)
