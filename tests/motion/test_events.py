"""Events as JSON and back: every bit of a float survives, and what is no event is refused."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motion.events import (
    AngleEvent,
    CueEvent,
    EndReason,
    Event,
    PhaseEvent,
    PhaseName,
    RepetitionEvent,
    SensorEvent,
    SensorState,
    SessionEvent,
    SetEvent,
    Silence,
    Verdict,
    decode,
    encode,
    encode_lines,
)

REP = RepetitionEvent(
    seq=41,
    exercise="lumbar-bend",
    side=None,
    set_index=1,
    index=3,
    start_s=12.32,
    peak_s=14.1,
    end_s=16.02,
    reported_s=16.1,
    rom_deg=43.1,
    rom_sd_deg=2.0,
    goal_reached=False,
    out_s=1.2,
    hold_s=0.8,
    back_s=1.7,
    active_s=2.9,
    smoothness_out=-1.5,
    smoothness_back=None,
    compensations={"pelvis_tilt": 11.0},
    score=87.0,
    score_parts={"range": 40.0, "tempo": 47.0},
    verdict=Verdict.INCORRECT,
    faults=["too_fast"],
    borderline=[],
    notes=[],
)
EVENTS: tuple[Event, ...] = (
    REP,
    SetEvent(42, "lumbar-bend", "left", 1, 0.0, 30.0, 10, 9, 8, 1, 0, 43.0, None),
    SessionEvent(
        43, 0.0, 99.5, EndReason.PAIN, 2, 20, 18, {"pelvis": 3},
        [Silence("pelvis", 4.0, 4.75, "frozen")],
    ),
    CueEvent(1.5, 3.5, "limit", "Not that far"),
    PhaseEvent(2.25, PhaseName.HOLD),
    SensorEvent(7.0, "thorax", SensorState.ACCELEROMETER_OFF, 6.5, "9.2 to 10.1 m/s2"),
    AngleEvent(0.02, -1.25, 1.0),
)  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_kind_of_event_comes_back_as_it_was(event: Event) -> None:
    assert decode(encode(event)) == event
    assert decode(encode(event).decode()) == event


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_floats_keep_every_bit(angle_deg: float, t_s: float) -> None:
    again = decode(encode(AngleEvent(t_s, angle_deg, 1.0)))
    assert isinstance(again, AngleEvent)
    assert (again.t_s.hex(), again.angle_deg.hex()) == (t_s.hex(), angle_deg.hex())


def test_a_value_that_could_not_be_measured_is_null() -> None:
    event = msgspec.structs.replace(REP, smoothness_out=math.nan)
    assert b'"smoothness_out":null' in encode(event)


def test_events_are_told_apart_by_their_type() -> None:
    tags = [msgspec.json.decode(encode(event))["type"] for event in EVENTS]
    assert tags == ["rep", "set", "session", "cue", "phase", "sensor", "angle"]


def test_a_repetition_on_the_wire_is_as_documented() -> None:
    wire = msgspec.json.decode(encode(REP))
    assert list(wire) == [
        "type", "seq", "exercise", "side", "set_index", "index", "start_s", "peak_s", "end_s",
        "reported_s", "rom_deg", "rom_sd_deg", "goal_reached", "out_s", "hold_s", "back_s",
        "active_s", "smoothness_out", "smoothness_back", "compensations", "score", "score_parts",
            "verdict", "faults", "borderline", "notes", "way", "reach_deg", "range_reference_deg",
            "rom_share_own",
    ]  # fmt: skip
    assert wire["verdict"] == "incorrect"


def test_lines_hold_one_event_each() -> None:
    lines = encode_lines(EVENTS)
    assert lines.endswith(b"\n")
    assert tuple(decode(line) for line in lines.splitlines()) == EVENTS
    assert encode_lines([]) == b""


def test_a_line_end_within_a_text_does_not_break_the_line() -> None:
    event = CueEvent(0.0, 2.0, "limit", "one\ntwo\u2028three")
    assert encode_lines([event]).count(b"\n") == 1
    assert decode(encode(event)) == event


_ANGLE: dict[str, Any] = {"type": "angle", "t_s": 0.0, "angle_deg": 1.0, "angle_sd_deg": 1.0}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"7",
        b"[]",
        b"{}",
        b"{",
        b"\xff\xfe",
        b'{"type": "dance"}',
        b'{"type": 3}',
        b'{"type": "angle"}',
        msgspec.json.encode({**_ANGLE, "t_s": "0"}),
        msgspec.json.encode({**_ANGLE, "t_s": None}),
        msgspec.json.encode({**_ANGLE, "t_s": [0.0]}),
        b'{"type":"angle","t_s":NaN,"angle_deg":1.0,"angle_sd_deg":1.0}',
        b'{"type":"phase","t_s":0.0,"phase":"dancing"}',
        b'{"type":"phase","t_s":1e999,"phase":"rest"}',
        encode(REP).replace(b'"verdict":"incorrect"', b'"verdict":"wrong"'),
        encode(REP).replace(b'"seq":41', b'"seq":41.5'),
        encode(REP).replace(b'"faults":["too_fast"]', b'"faults":"too_fast"'),
        encode(AngleEvent(0.0, 0.0, 0.0))[:-1],
        encode(AngleEvent(0.0, 0.0, 0.0)) * 2,
        b"[" * 100_000,
    ],
    ids=lambda line: line[:24].decode("latin-1"),
)
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, RecursionError)):
        decode(line)


@given(st.binary(max_size=80))
def test_any_bytes_are_an_event_or_refused(line: bytes) -> None:
    try:
        event = decode(line)
    except msgspec.DecodeError:
        return
    assert decode(encode(event)) == event


def test_events_cannot_be_changed_after_they_were_told() -> None:
    with pytest.raises(AttributeError):
        REP.index = 4  # type: ignore[misc]
