"""Sensors over the emulated radio, through bleak: what is lost, what it costs, how well aligned.

The whole way of a packet, from the sensor's own clock to samples in session time. The clock alone,
on simulated arrivals, is `alignment`'s; decoding alone `decoding`'s.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from benchmarks.report import Report, Table, Track, number, percent
from devices.adapter import Adapter
from devices.emulation import virtual_time
from devices.emulation.air import Air
from devices.emulation.faults import Faults
from devices.emulation.motion import Motion, Stage
from devices.emulation.peripheral import EmulatedSensor
from devices.hub import Hub, Wanted
from devices.packet_file import Arrived, PacketEvent
from devices.scanner import scan
from firmware_profiles.schema import Profile
from firmware_profiles.steps import Subscribe, Unsubscribe, Wait, Write
from motion.samples import Float64, Samples

NAME: Final = "radio"

RATE_HZ: Final = 100.0
DURATION_S: Final = 60.0
SCAN_S: Final = 1.0
# Eight sensors: with the time in their packets, with a counter, half of them losing packets.
EIGHT: Final = (
    ("openearable-v2", 0.0), ("openearable-v2", 0.0), ("openearable-v2", 0.01),
    ("openearable-v2", 0.01), ("bluest", 0.0), ("bluest", 0.01), ("esense", 0.0),
    ("esense", 0.01),
)  # fmt: skip
INTERVAL_S: Final = 0.03
SETTLING_S: Final = 1.0

# The alignment is measured with a profile that sends its time and float32 values.
ALIGNED: Final = "openearable-v2"
SEEDS: Final = 10
TOLD_S: Final = (5.0, 20.0, 60.0)
WINDOW_S: Final = 1.0
DRIFT_PPM: Final = 50.0
ALIGNED_INTERVAL_S: Final = 0.05
# A motion whose angular rate tells when it was measured: within 2000 deg/s for three minutes.
RAMP_RADPS2: Final = 0.1


@dataclass(frozen=True, slots=True)
class Streamed:
    """What became of one sensor's samples.

    sent: over the radio. not_sent: swallowed by the sensor's faults. got: by the reader. told_lost:
    found missing by the hub. spoilt: late, refused or not read in time.
    """

    profile: str
    sent: int
    not_sent: int
    got: int
    told_lost: int
    spoilt: int

    @property
    def under_way(self) -> int:
        """Sent, and neither got nor found missing: on their way when the link ended."""
        return self.sent - self.got - self.spoilt


@dataclass(frozen=True, slots=True)
class Load:
    """Eight sensors for a while. cpu: share of one core; wall_s: how long it took."""

    sensors: list[Streamed]
    cpu: float
    wall_s: float
    delays_ms: Float64


def ramp(duration_s: float) -> Motion:
    """Angular rate about x that grows with time."""
    t_s = np.array([0.0, duration_s])
    values = {
        "acc": np.tile([0.0, 0.0, 9.80665], (2, 1)),
        "gyr": np.column_stack([RAMP_RADPS2 * t_s, np.zeros((2, 2))]),
    }
    return Motion(t_s, values)


class _Arrivals:
    """Keeps when each packet came."""

    def __init__(self) -> None:
        self.at_ns: dict[str, list[int]] = {}

    def write(self, event: PacketEvent) -> None:
        if isinstance(event, Arrived):
            self.at_ns.setdefault(event.sensor, []).append(event.packet.arrival_ns)


async def _put_on_air(
    air: Air, chosen: Sequence[tuple[str, Faults]], stage: Stage, motion: Motion
) -> list[EmulatedSensor]:
    sensors = []
    for name, faults in chosen:
        profile = Profile.load(name)
        sensor = EmulatedSensor(air, profile, motion, rate_hz=RATE_HZ, faults=faults, stage=stage)
        sensors.append(await sensor.start())
    return sensors


async def _wanted(adapter: Adapter, sensors: Sequence[EmulatedSensor]) -> dict[str, Wanted]:
    profiles = {sensor.profile.id: sensor.profile for sensor in sensors}
    found = {each.address: each for each in await scan(adapter, list(profiles.values()), SCAN_S)}
    return {
        str(number): Wanted(found[sensor.address], sensor.profile, None, RATE_HZ)
        for number, sensor in enumerate(sensors)
    }


async def eight(seconds: float) -> Load:
    """Eight sensors through the hub, in real time."""
    air = Air(connection_interval_s=INTERVAL_S)
    faults = [(name, Faults(loss=loss, seed=n)) for n, (name, loss) in enumerate(EIGHT)]
    sensors = await _put_on_air(air, faults, Stage(len(EIGHT)), ramp(seconds + 10.0))
    adapter = await Adapter.emulated(air)
    hub = Hub(adapter, await _wanted(adapter, sensors))
    got = dict.fromkeys((str(n) for n in range(len(sensors))), 0)
    waits: list[float] = []
    settled_s = math.inf
    await hub.open()

    async def read() -> None:
        async for item in hub.items():
            if isinstance(item, Samples):
                got[item.sensor] += len(item)
                now_s = (time.perf_counter_ns() - hub.origin_ns) / 1e9
                if now_s > settled_s:
                    waits.append(now_s - float(item.t_s[-1]))

    reading = asyncio.create_task(read())
    # What came while the others were connected has waited for a reader.
    settled_s = (time.perf_counter_ns() - hub.origin_ns) / 1e9 + SETTLING_S
    began_s, cpu_s = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    wall_s = time.perf_counter() - began_s
    cpu = (time.process_time() - cpu_s) / wall_s
    await hub.close()
    await reading
    status = {each.slot: each for each in hub.status()}
    streamed = []
    for n, sensor in enumerate(sensors):
        counts = status[str(n)].counts
        of_packet = sensor.samples // max(1, sensor.sent)
        streamed.append(
            Streamed(
                sensor.profile.id,
                sensor.samples,
                sensor.lost * of_packet,
                got[str(n)],
                counts.lost,
                counts.late + sum(counts.refused.values()) + status[str(n)].overflow,
            )
        )
    for sensor in sensors:
        await sensor.stop()
    await adapter.close()
    return Load(streamed, cpu, wall_s, 1000.0 * np.array(waits))


async def bare(seconds: float) -> float:
    """The peer: bleak alone with callbacks that count; its share of one core."""
    air = Air(connection_interval_s=INTERVAL_S)
    chosen = [(name, Faults(loss=loss, seed=n)) for n, (name, loss) in enumerate(EIGHT)]
    sensors = await _put_on_air(air, chosen, Stage(len(EIGHT)), ramp(seconds + 10.0))
    adapter = await Adapter.emulated(air)
    wanted = await _wanted(adapter, sensors)
    count = 0

    def on_packet(_sender: object, _data: bytearray) -> None:
        nonlocal count
        count += 1

    clients = []
    for each in wanted.values():
        client = adapter.client(each.found.device, None, 10.0)
        await client.connect()
        clients.append(client)
        for step in each.profile.steps("start", None, RATE_HZ):
            match step:
                case Subscribe():
                    await client.start_notify(
                        step.characteristic, on_packet, **adapter.notify_options
                    )
                case Unsubscribe():
                    await client.stop_notify(step.characteristic)
                case Write():
                    await client.write_gatt_char(
                        step.characteristic, step.data, response=step.response
                    )
                case Wait():
                    await asyncio.sleep(step.seconds)
                case _:
                    await asyncio.sleep(0.1)
    began_s, cpu_s = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    cpu = (time.process_time() - cpu_s) / (time.perf_counter() - began_s)
    for client in clients:
        await client.disconnect()
    for sensor in sensors:
        await sensor.stop()
    await adapter.close()
    return cpu


@dataclass(frozen=True, slots=True)
class Alignment:
    """Errors of one seed in ms, by time told: of the clock and of arrival, less the difference of
    the least delays until then, which is told too."""

    clock_ms: Float64
    arrival_ms: Float64
    least_ms: Float64


def aligned(seed: int) -> Alignment:
    """Two sensors whose clocks drift apart over the emulated radio, in virtual time."""
    return virtual_time.run(lambda clock_ns: _aligned(seed, clock_ns))


async def _aligned(seed: int, clock_ns: Callable[[], int]) -> Alignment:
    random = np.random.default_rng(seed)
    sign = 1.0 if random.random() < 0.5 else -1.0
    faults = [
        (ALIGNED, Faults(drift_ppm=sign * DRIFT_PPM, seed=2 * seed)),
        (ALIGNED, Faults(drift_ppm=-sign * DRIFT_PPM, seed=2 * seed + 1)),
    ]
    air = Air(connection_interval_s=ALIGNED_INTERVAL_S, seed=seed)
    await asyncio.sleep(float(random.random()))
    stage = Stage(2)
    lasts_s = TOLD_S[-1] + 5.0
    sensors = await _put_on_air(air, faults, stage, ramp(lasts_s))
    adapter = await Adapter.emulated(air)
    arrivals = _Arrivals()
    hub = Hub(
        adapter, await _wanted(adapter, sensors), sink=lambda _, __: arrivals, clock_ns=clock_ns
    )
    samples: dict[str, list[Samples]] = {"0": [], "1": []}
    await hub.open()

    async def read() -> None:
        async for item in hub.items():
            if isinstance(item, Samples):
                samples[item.sensor].append(item)

    reading = asyncio.create_task(read())
    await asyncio.sleep(TOLD_S[-1] + 0.5)
    began_s = stage.origin_s
    await hub.close()
    await reading
    if began_s is None:
        raise RuntimeError("the sensors have not played")
    origin_s = began_s - hub.origin_ns / 1e9
    errors, late = [], []
    for slot in ("0", "1"):
        t_s = np.concatenate([each.t_s for each in samples[slot]])
        rate = np.concatenate([each.gyr_radps[:, 0].astype(np.float64) for each in samples[slot]])
        known = rate > 0.0
        true_s = rate[known] / RAMP_RADPS2 + origin_s
        errors.append((true_s, t_s[known] - true_s))
        at_s = (np.array(arrivals.at_ns[slot], dtype=np.float64) - hub.origin_ns) / 1e9
        # The packets after the answers to the start steps are one sample each.
        at_s = at_s[len(at_s) - len(t_s) :][known]
        late.append((true_s, at_s - true_s))
    for sensor in sensors:
        await sensor.stop()
    await adapter.close()
    least_ms = []
    told: list[list[float]] = [[], []]
    for moment_s in TOLD_S:
        until_s = origin_s + moment_s
        least_s = [float(np.min(lag_s[true_s <= until_s])) for true_s, lag_s in late]
        least_ms.append(1000.0 * (least_s[0] - least_s[1]))
        grid_s = until_s - WINDOW_S + WINDOW_S * (np.arange(100) + 0.5) / 100
        for rows, kind in zip(told, (errors, late), strict=True):
            one, two = (1000.0 * np.interp(grid_s, *each) for each in kind)
            rows.append(math.sqrt(np.mean(np.square(one - two - least_ms[-1]))))
    return Alignment(np.array(told[0]), np.array(told[1]), np.array(least_ms))


def run(track: Track, *, seconds: float = DURATION_S, seeds: int = SEEDS) -> Report:
    """Eight sensors in real time, then the alignment of two in virtual time."""
    with ProcessPoolExecutor() as pool:
        results = pool.map(aligned, range(seeds))
        aligneds = [one for _, one in zip(track(range(seeds), "alignment"), results, strict=True)]
    load, peer = None, 0.0
    for step in track(("eight sensors", "bleak alone"), "eight sensors"):
        if step == "eight sensors":
            load = asyncio.run(eight(seconds))
        else:
            peer = asyncio.run(bare(min(seconds, 20.0)))
    if load is None:
        raise RuntimeError("nothing was measured")
    return _report(load, peer, aligneds, seconds)


def _report(load: Load, peer: float, aligneds: Sequence[Alignment], seconds: float) -> Report:
    rows = [
        [
            each.profile,
            *(
                str(count)
                for count in (
                    each.sent, each.got, each.not_sent, each.told_lost, each.spoilt,
                    each.under_way,
                )
            ),
        ]
        for each in load.sensors
    ]  # fmt: skip
    table = Table(
        f"Eight sensors at {RATE_HZ:g} Hz for {seconds:g} s over the emulated radio, in samples",
        ["profile", "sent", "got", "not sent", "told lost", "spoilt", "under way"],
        rows,
    )
    cost = Table(
        "What that takes",
        ["", "value"],
        [
            ["share of one core: radio, sensors, bleak and hub", percent(100.0 * load.cpu)],
            ["the same with bleak alone, callbacks that count", percent(100.0 * peer)],
            ["from a sample's time to its reader, median, ms", number(_at(load, 50.0), 1)],
            ["the same, 99 of 100, ms", number(_at(load, 99.0), 1)],
        ],
    )
    clock = np.array([each.clock_ms for each in aligneds])
    arrival = np.array([each.arrival_ms for each in aligneds])
    least = np.array([each.least_ms for each in aligneds])

    def rms(values: Float64) -> list[float]:
        found: list[float] = np.sqrt(np.mean(np.square(values), axis=0)).tolist()
        return found

    heads = [f"{moment_s:g} s" for moment_s in TOLD_S]
    together = Table(
        f"Alignment of two sensors over the radio, RMS in ms over {len(aligneds)} seeds",
        ["", *heads],
        [
            ["session time", *(number(value) for value in rms(clock))],
            ["plain arrival", *(number(value) for value in rms(arrival))],
            ["difference of the true least delays", *(number(value) for value in rms(least))],
        ],
    )
    figures: dict[str, Any] = {
        "sensors": [
            {
                "profile": each.profile,
                "sent": each.sent,
                "got": each.got,
                "not_sent": each.not_sent,
                "told_lost": each.told_lost,
                "spoilt": each.spoilt,
                "under_way": each.under_way,
            }
            for each in load.sensors
        ],
        "cpu": load.cpu,
        "cpu_bleak": peer,
        "wait_ms": {"p50": _at(load, 50.0), "p99": _at(load, 99.0)},
        "told_s": list(TOLD_S),
        "clock_ms": clock.tolist(),
        "arrival_ms": arrival.tolist(),
        "least_ms": least.tolist(),
    }
    return Report(NAME, [table, cost, together], _DEFINITIONS, figures)


def _at(load: Load, share: float) -> float:
    return float(np.percentile(load.delays_ms, share)) if len(load.delays_ms) else math.nan


_DEFINITIONS: Final = (
    f"Sensors, radio (connection interval {1000 * INTERVAL_S:g} ms), bleak and hub in one process "
    "in real time. Not sent: swallowed by a fault of the sensor, 1 % of the packets of half of the "
    "sensors. Told lost: found missing by the hub, from timestamps or counters; those before the "
    "first or after the last packet cannot be. Spoilt: late, refused, or not read in time. Under "
    "way: sent, and on the air when the link was ended.",
    "A reader waits for the connection event, for the hub to look (20 ms), and for the correction "
    f"of the sensor's clock; told from {SETTLING_S:g} s after all stream.",
    f"Alignment: two sensors, clocks {DRIFT_PPM:g} ppm fast and slow, connection interval "
    f"{1000 * ALIGNED_INTERVAL_S:g} ms, in virtual time. The difference of the errors of both "
    "sensors' times, less the difference of their true least delays until then, RMS over the "
    "second before each time after the movement's start, then over the seeds.",
)
