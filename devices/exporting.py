"""A recording as CSV: its samples, and the repetitions of a session.

Every number is written with the fewest digits that give it back to the last bit, so that
`devices.importing` makes the same samples of it. Where the text goes is up to the caller.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from devices.errors import RecordingError, RecordingFault
from devices.recording import MAGNETOMETER_COLUMNS, REQUIRED_COLUMNS, Recording, SamplesAndField
from motion.events import RepetitionEvent

# Written at once: 1000 rows a sensor at 100 Hz.
SPAN_S: Final = 10.0
REPETITION_COLUMNS: Final = tuple(
    field.name for field in msgspec.structs.fields(RepetitionEvent) if field.name != "seq"
)


def sample_rows(recording: Recording) -> Iterator[str]:
    """The samples as CSV, header first, in parts of bounded size, ordered by time.

    Sensors with a single sample are left out, as no reader takes them. Raises RecordingError.
    """
    slots = [slot for slot in recording.slots if recording.rows[slot] > 1]
    magnetometer = MAGNETOMETER_COLUMNS if recording.magnetometer else ()
    yield _line([*REQUIRED_COLUMNS, *magnetometer])
    names = [_line([slot]).rstrip("\n") for slot in slots]
    for chunk in recording.chunks_with_field(slots, SPAN_S):
        yield _text(chunk, dict(zip(slots, names, strict=True)))


def _text(chunk: list[SamplesAndField], names: Mapping[str, str]) -> str:
    codes = np.concatenate(
        [np.full(len(samples), number) for number, (samples, _) in enumerate(chunk)]
    )
    t_s = np.concatenate([samples.t_s for samples, _ in chunk])
    vectors = [
        np.concatenate([samples.acc_mps2 for samples, _ in chunk]),
        np.concatenate([samples.gyr_radps for samples, _ in chunk]),
    ]
    fields = [mag_ut for _, mag_ut in chunk if mag_ut is not None]
    if fields:
        vectors.append(np.concatenate(fields))
    order = np.lexsort((codes, t_s))
    sensors = pa.array([names[samples.sensor] for samples, _ in chunk]).take(pa.array(codes[order]))
    columns = [sensors, _digits(t_s[order])]
    columns += [_digits(vector[order, axis]) for vector in vectors for axis in range(3)]
    rows = pc.binary_join_element_wise(*columns, ",")
    return "\n".join(rows.to_pylist()) + "\n"


def _digits(values: Any) -> Any:
    """The shortest decimals that are read back to the same bits; nothing for NaN."""
    return pc.fill_null(pa.array(values, from_pandas=True).cast(pa.string()), "")


def repetition_rows(recording: Recording) -> Iterator[str]:
    """The repetitions that a session recording stores as CSV, header first.

    Raises RecordingError when it stores no events.
    """
    events = recording.info.events
    if events is None:
        raise RecordingError(
            RecordingFault.NO_EVENTS,
            f"{recording.path} stores no events, so that there are no repetitions to export; write "
            "a session recording with `gonio replay ... -o FILE` first.",
            path=recording.path,
        )
    yield _line(REPETITION_COLUMNS)
    for event in events:
        if event.get("type") == "rep":
            yield _line([_cell(event.get(name)) for name in REPETITION_COLUMNS])


def _cell(value: Any) -> str:
    """Numbers and texts as they are, lists and tables in one cell."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(_cell(each) for each in value)
    if isinstance(value, dict):
        return "; ".join(f"{name}={_cell(each)}" for name, each in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)


def _line(cells: Any) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
