"""A live session on disk: its samples, its log and events, and the raw packets beside them.

Puts together what `recording` and `packet_file` write. What is recorded, and when it ends, is up to
those who run the session.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from devices.errors import DevicesError
from devices.intake import SensorSetup
from devices.packet_file import PacketFileInfo, PacketFileWriter, PacketSensor
from devices.recording import (
    Annotation,
    Expected,
    RecordingInfo,
    RecordingWriter,
    SensorInfo,
    SessionLog,
)
from motion.samples import Samples, Watermark

SUFFIX: Final = ".packets.parquet"


def packets_path(recording: Path) -> Path:
    """Where the raw packets of a live session are kept: ID.packets.parquet beside ID.parquet."""
    return recording.with_name(f"{recording.name.removesuffix('.parquet')}{SUFFIX}")


class LiveRecorder:
    """Writes a live session as it happens; a context manager, like `RecordingWriter`.

    Both files get their names when the session has ended; an exception within the `with` keeps
    what has come until then, as far as the disk allows: a session is not done twice.
    """

    def __init__(self, path: Path, sensors: Mapping[str, SensorInfo], started_at: datetime) -> None:
        """Raises RecordingError when the file cannot be written."""
        self.path = path
        self._log = SessionLog()
        info = RecordingInfo(sensors=dict(sensors), id=path.stem, started_at=started_at)
        self._writer = RecordingWriter(path, info)
        self._packets: PacketFileWriter | None = None
        self._last: dict[str, Any] = {}

    def sink(self, setups: Mapping[str, SensorSetup], origin_ns: int) -> PacketFileWriter:
        """Where the hub puts every packet; raises PacketFileError when it cannot be written."""
        info = PacketFileInfo(
            sensors={slot: PacketSensor.of(setup) for slot, setup in setups.items()},
            origin_ns=origin_ns,
            id=self.path.stem,
        )
        self._packets = PacketFileWriter(packets_path(self.path), info)
        return self._packets

    def samples(self, samples: Samples) -> None:
        """Keep samples; raises RecordingError when the disk is full."""
        self._writer.write(samples)

    def watermark(self, watermark: Watermark) -> None:
        """Keep a watermark, after everything that came before it."""
        self._log.add_watermark(watermark.t_s)

    def control(self, document: dict[str, Any]) -> None:
        """Keep a control of the session as a document."""
        self._log.add_control(document)

    def tell(
        self,
        *,
        events: Sequence[dict[str, Any]] | None = None,
        engine: Mapping[str, Any] | None = None,
        calibration: Mapping[str, Any] | None = None,
        sensors: Mapping[str, SensorInfo] | None = None,
        expected: Expected | None = None,
        source: str | None = None,
        annotations: Sequence[Annotation] | None = None,
    ) -> None:
        """Set what is known at the end: events as given live, and the engine that gave them."""
        told = {
            "events": events, "engine": engine, "calibration": calibration, "sensors": sensors,
            "expected": expected, "source": source,
            "annotations": annotations,
        }  # fmt: skip
        self._last |= {name: value for name, value in told.items() if value is not None}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
            return
        # What has gone wrong is told; that nothing could be kept besides would hide it.
        with suppress(DevicesError):
            self.close()

    def close(self) -> None:
        """Give both files their names; raises RecordingError when no sample came."""
        packets, self._packets = self._packets, None
        try:
            self._writer.update_info(log=self._log, **self._last)
            self._writer.close()
        finally:
            if packets is not None:
                packets.close()
