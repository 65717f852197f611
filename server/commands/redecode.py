"""`gonio redecode`: samples made anew from the raw packets of a session.

Reads options and writes the recording. Decoding is `devices.packet_file`'s.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import numpy as np

from devices.packet_file import SUFFIX, PacketFile
from devices.recorder import packets_path
from devices.recording import Recording, RecordingInfo, RecordingWriter, SensorInfo
from firmware_profiles.schema import Profile
from motion.samples import Samples
from server import terminal, wording
from server.errors import OptionError
from server.output import check_output

# Compared in spans of this length, so that long sessions fit into memory.
SPAN_S: Final = 60.0


@click.command()
@click.argument("recording", metavar="REC", type=click.Path(path_type=Path))
@click.option(
    "--profile", "profiles", multiple=True, metavar="[SLOT=]P",
    help="Another profile than the one of the session, an id or a YAML file; for one slot or all.",
)  # fmt: skip
@click.option(
    "--output", "-o", required=True, type=click.Path(path_type=Path), metavar="NEW",
    help="The recording to write.",
)  # fmt: skip
def redecode(recording: Path, profiles: Sequence[str], output: Path) -> None:
    """Decode the raw packets of the session REC again and write the samples as NEW.

    REC is the recording that `gonio record` wrote, or its .packets.parquet. Log and events of the
    session are kept where the recording is at hand, so that `gonio replay NEW --check` tells
    whether anything has changed.
    """
    packets = recording if recording.name.endswith(SUFFIX) else packets_path(recording)
    file = PacketFile.open(packets)
    stored = packets.with_name(f"{packets.name.removesuffix(SUFFIX)}.parquet")
    check_output("--output", output, [packets, stored])
    session = Recording.open(stored) if stored.exists() else None
    others = _profiles(profiles, file)
    out = terminal.console()
    info = RecordingInfo(
        sensors={
            slot: SensorInfo(
                rate_hz=setup.profile.rate_hz(setup.mode, setup.rate_hz), profile=setup.profile.id
            )
            for slot, setup in file.sensors.items()
        },
        id=output.stem,
    )
    if session is not None:
        info = session.info.changed({"id": output.stem})
    rows = dict.fromkeys(file.sensors, 0)
    with RecordingWriter(output, info) as writer:
        for item in file.inputs(others):
            if isinstance(item, Samples):
                writer.write(item)
                rows[item.sensor] += len(item)
    for slot, count in rows.items():
        terminal.say(out, f"{slot}: {wording.counted(count, 'sample')}")
    if session is not None:
        same = _same(session, Recording.open(output))
        terminal.say(
            out,
            "The samples are those of the session, to the last bit."
            if same
            else "The samples differ from those of the session; `gonio replay` tells what that "
            "makes of its repetitions.",
        )
    terminal.say(out, f"wrote {output}")


def _profiles(asked: Sequence[str], file: PacketFile) -> dict[str, Profile]:
    chosen: dict[str, Profile] = {}
    for text in asked:
        slot, equals, name = text.partition("=")
        if not equals:
            chosen |= dict.fromkeys(file.sensors, Profile.load(text))
        elif slot in file.sensors:
            chosen[slot] = Profile.load(name)
        else:
            raise OptionError(
                "--profile", f"There is no sensor {slot!r}; there is {', '.join(file.sensors)}."
            )
    return chosen


def _same(one: Recording, other: Recording) -> bool:
    """Whether two recordings hold the same samples to the last bit."""
    if one.rows != other.rows:
        return False
    if (one.first_s, one.last_s) != (other.first_s, other.last_s):
        return False
    pairs = zip(one.chunks(span_s=SPAN_S), other.chunks(span_s=SPAN_S), strict=True)
    return all(
        len(first) == len(second)
        and all(
            a.sensor == b.sensor
            and np.array_equal(a.t_s, b.t_s)
            and a.acc_mps2.tobytes() == b.acc_mps2.tobytes()
            and a.gyr_radps.tobytes() == b.gyr_radps.tobytes()
            for a, b in zip(first, second, strict=True)
        )
        for first, second in pairs
    )
