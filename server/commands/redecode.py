"""`gonio redecode`: samples made anew from the raw packets of a session.

Reads options and writes the recording. Decoding is `devices.packet_file`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
import numpy as np

from devices.intake import Intake, SensorSetup
from devices.packet_file import PacketFile
from devices.packet_file import redecode as redecoded
from devices.recorder import SUFFIX, packets_path
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
    if not recording.name.endswith(".parquet"):
        raise OptionError(
            "REC", f"{recording} is no recording; give the .parquet that `gonio record` wrote."
        )
    packets = recording if recording.name.endswith(SUFFIX) else packets_path(recording)
    file = PacketFile.open(packets)
    stored = packets.with_name(f"{packets.name.removesuffix(SUFFIX)}.parquet")
    check_output("--output", output, [packets, stored])
    session = Recording.open(stored) if stored.exists() else None
    setups = file.info.setups(path=file.path)
    changed = _changed(profiles, setups)
    out = terminal.console()
    info = RecordingInfo(
        sensors={
            slot: SensorInfo(
                rate_hz=setup.profile.rate_hz(setup.mode, setup.rate_hz), profile=setup.profile.id
            )
            for slot, setup in {**setups, **changed}.items()
        },
        id=output.stem,
    )
    if session is not None:
        info = session.info.changed({"id": output.stem})
    rows = dict.fromkeys(setups, 0)
    with RecordingWriter(output, info) as writer:
        for item in redecoded(packets, changed):
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


def _changed(asked: Sequence[str], setups: Mapping[str, SensorSetup]) -> dict[str, SensorSetup]:
    """The sensors that are read with another profile than then."""
    chosen: dict[str, SensorSetup] = {}
    for text in asked:
        slot, equals, name = text.partition("=")
        if equals and slot not in setups:
            raise OptionError(
                "--profile", f"There is no sensor {slot!r}; there is {', '.join(setups)}."
            )
        profile = Profile.load(name if equals else text)
        for each in (slot,) if equals else tuple(setups):
            chosen[each] = replace(setups[each], profile=profile)
            # Refuses, before anything is written, what the profile does not have.
            Intake({each: chosen[each]}, 0)
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
