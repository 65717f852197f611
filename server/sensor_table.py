"""Sensors in a terminal: what was heard, and what each one sends right now.

Draws; scanning and streaming are `devices`'. Words for people come from here and `wording`.
"""

import json
import math
import sys
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from devices.hub import Hub, SensorStatus
from devices.link import LinkState
from devices.scanner import Found
from firmware_profiles.schema import Profile
from motion.events import AngleEvent, Event, encode
from motion.imu import STANDARD_GRAVITY_MPS2
from motion.samples import Samples
from server import terminal, wording

_BARS: Final = "▁▂▃▄▅▆▇█"
# The line shows so many seconds, one character for each part of them.
LINE_S: Final = 6.0
LINE_CHARACTERS: Final = 24
# The top of the line: a brisk movement of a limb.
TOP_RADPS: Final = 4.0
# Rates are told over so many seconds: two or three packets of the slowest sensors.
RATE_OVER_S: Final = 2.0
# From this width on the table has room for everything.
FULL_WIDTH: Final = 130
# Below this strength packets are lost in the next room.
WEAK_DBM: Final = -80

_STATES: Final = {
    LinkState.IDLE: ("not started", "dim"),
    LinkState.CONNECTING: ("connecting", "cyan"),
    LinkState.STARTING: ("starting", "cyan"),
    LinkState.STREAMING: ("streaming", "green"),
    LinkState.SILENT: ("silent", "yellow"),
    LinkState.WAITING: ("coming back", "yellow"),
    LinkState.STOPPING: ("stopping", "dim"),
    LinkState.CLOSED: ("closed", "dim"),
    LinkState.FAILED: ("failed", "red"),
}


def found_table(found: Sequence[Found], profiles: Sequence[Profile]) -> Table:
    """Devices that were heard, with what each is and whether it can be tracked."""
    by_id = {profile.id: profile for profile in profiles}
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("address", no_wrap=True)
    table.add_column("profile", no_wrap=True)
    table.add_column("signal", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for each in found:
        remark = ""
        if not each.profiles:
            remark = "no profile recognises it"
        else:
            profile = by_id[each.profiles[0]]
            mode = profile.modes[profile.default_mode]
            remark = mode.why_not(mode.default_rate_hz) or ""
            if profile.status == "experimental":
                remark = f"experimental. {remark}".strip()
            if len(each.profiles) > 1:
                remark = f"or {', '.join(each.profiles[1:])}. {remark}".strip()
        table.add_row(
            terminal.plain_text(each.name, "bold"),
            Text(each.address),
            Text(each.profiles[0] if each.profiles else "-"),
            Text(f"{each.rssi_dbm} dBm", style="yellow" if each.rssi_dbm < WEAK_DBM else ""),
            terminal.plain_text(remark, "dim"),
        )
    return table


class _Line:
    """The angular rate of the last seconds, for one sensor."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float, float]] = deque()

    def take(self, samples: Samples) -> None:
        rates = samples.gyr_radps.astype("float64")
        forces = samples.acc_mps2.astype("float64")
        for t_s, rate, force in zip(samples.t_s.tolist(), rates, forces, strict=True):
            self._recent.append((t_s, math.hypot(*rate.tolist()), math.hypot(*force.tolist())))
        while self._recent and self._recent[0][0] < self._recent[-1][0] - LINE_S:
            self._recent.popleft()

    def bars(self) -> str:
        """One character for each part of the line, as high as the fastest turn in it."""
        if not self._recent:
            return ""
        end_s = self._recent[-1][0]
        highest = [-1.0] * LINE_CHARACTERS
        for t_s, radps, _ in self._recent:
            back = int((end_s - t_s) / LINE_S * LINE_CHARACTERS)
            place = LINE_CHARACTERS - 1 - min(back, LINE_CHARACTERS - 1)
            highest[place] = max(highest[place], radps)
        top = len(_BARS) - 1
        return "".join(
            " " if value < 0.0 else _BARS[min(top, int(value / TOP_RADPS * top + 0.5))]
            for value in highest
        )

    def rate_hz(self) -> float:
        """Samples a second over the last two seconds."""
        if len(self._recent) < 2:
            return 0.0
        end_s = self._recent[-1][0]
        times = [t_s for t_s, _, _ in self._recent if t_s >= end_s - RATE_OVER_S]
        span_s = times[-1] - times[0]
        return (len(times) - 1) / span_s if span_s > 0.0 else 0.0

    def newest(self) -> tuple[float, float]:
        """Angular rate in degrees a second and specific force in multiples of gravity."""
        if not self._recent:
            return 0.0, 0.0
        _, radps, force = self._recent[-1]
        return math.degrees(radps), force / STANDARD_GRAVITY_MPS2


class StreamTable:
    """What every sensor of a hub sends, as a renderable for `rich.live.Live`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._lines = {status.slot: _Line() for status in hub.status()}

    def take(self, samples: Samples) -> None:
        """Show samples."""
        self._lines[samples.sensor].take(samples)

    def __rich_console__(self, out: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
        table.add_column("sensor", no_wrap=True, min_width=14)
        table.add_column("state", no_wrap=True, min_width=9)
        table.add_column("battery", justify="right", no_wrap=True)
        table.add_column("signal", justify="right", no_wrap=True)
        table.add_column("Hz", justify="right", no_wrap=True, min_width=5)
        table.add_column("lost", justify="right", no_wrap=True, min_width=4)
        if options.max_width >= FULL_WIDTH:
            table.add_column("doubled", justify="right", no_wrap=True)
            table.add_column("refused", justify="right", no_wrap=True)
            table.add_column("delay", justify="right", no_wrap=True)
            table.add_column("deg/s", justify="right", no_wrap=True)
            table.add_column("g", justify="right", no_wrap=True)
        table.add_column("turning, last 6 s", no_wrap=True)
        for status in self._hub.status():
            line = self._lines[status.slot]
            word, style = _STATES[status.state]
            counts = status.counts
            cells = [
                terminal.plain_text(status.slot, "bold"),
                Text(word, style=style),
                Text("-" if status.battery_percent is None else f"{status.battery_percent} %"),
                Text(f"{status.rssi_dbm} dBm"),
                Text(f"{line.rate_hz():.1f}"),
                Text(str(counts.lost), style="yellow" if counts.lost else ""),
            ]
            if options.max_width >= FULL_WIDTH:
                dps, g = line.newest()
                refused = sum(counts.refused.values())
                cells += [
                    Text(str(counts.duplicate)),
                    Text(str(refused), style="yellow" if refused else ""),
                    Text(f"{1000.0 * status.delay_s:.0f} ms"),
                    Text(f"{dps:.0f}"),
                    Text(f"{g:.2f}"),
                ]
            table.add_row(*cells, Text(line.bars(), style="cyan"))
        yield table

    def lines(self) -> list[str]:
        """The state of each sensor as JSON."""
        return [
            json.dumps(
                {**_document(status), "rate_hz": round(self._lines[status.slot].rate_hz(), 2)}
            )
            for status in self._hub.status()
        ]

    def sentences(self) -> list[str]:
        """The state of each sensor in words, where no table can be drawn."""
        told = []
        for status in self._hub.status():
            word, _ = _STATES[status.state]
            rate_hz = self._lines[status.slot].rate_hz()
            samples = wording.counted(status.counts.samples, "sample")
            told.append(
                wording.printable(
                    f"{status.slot}: {word}, {rate_hz:.1f} Hz, {samples}, {status.counts.lost} lost"
                )
            )
        return told


def _document(status: SensorStatus) -> dict[str, Any]:
    counts = status.counts
    return {
        "sensor": status.slot,
        "name": status.name,
        "profile": status.profile,
        "state": status.state.value,
        "battery_percent": status.battery_percent,
        "firmware": status.firmware,
        "rssi_dbm": status.rssi_dbm,
        "packets": counts.packets,
        "samples": counts.samples,
        "lost": counts.lost,
        "duplicate": counts.duplicate,
        "late": counts.late,
        "refused": {str(reason): count for reason, count in counts.refused.items()},
        "overflow": status.overflow,
        "delay_ms": round(1000.0 * status.delay_s, 2),
        "reconnects": status.reconnects,
    }


def loss_sentences(hub: Hub) -> list[str]:
    """What went wrong on the way, a line for each sensor that has something to tell."""
    told = []
    for status in hub.status():
        counts = status.counts
        parts = []
        if counts.lost:
            parts.append(f"{wording.counted(counts.lost, 'sample')} lost")
        if status.reconnects:
            parts.append(f"started again {wording.counted(status.reconnects, 'time')}")
        refused = sum(counts.refused.values())
        if refused:
            parts.append(f"{wording.counted(refused, 'packet')} refused")
        if counts.late:
            parts.append(f"{wording.counted(counts.late, 'sample')} too late")
        if status.overflow:
            parts.append(f"{wording.counted(status.overflow, 'packet')} not read in time")
        if parts:
            told.append(f"{status.slot}: {', '.join(parts)} of {counts.samples} samples.")
    return told


def print_event(event: Event) -> None:
    """One event as a line of JSON, without angles."""
    if not isinstance(event, AngleEvent):
        sys.stdout.write(encode(event).decode() + "\n")
        sys.stdout.flush()
