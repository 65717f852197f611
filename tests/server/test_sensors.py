"""Sensors from the command line: found, watched, recorded, emulated, decoded again."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import pytest

from devices.emulation.air import Air
from devices.emulation.motion import Motion, Stage, motions_of
from devices.emulation.peripheral import EmulatedSensor
from devices.emulation.tcp import RadioServer
from devices.errors import SlotError
from devices.recording import Recording, RecordingInfo, RecordingWriter, SensorInfo
from firmware_profiles.schema import Profile
from motion.performance import plan
from motion.samples import Samples
from motion.simulation import Exercise, simulate
from motion.template import ExerciseTemplate
from server import nearby
from tests.devices.rigged import in_virtual_time, rig
from tests.server.conftest import Gonio
from tests.server.recordings import swings, write

# Everything here waits for real radios' times; each command streams for some seconds at most.
SCAN = ("--scan", "0.5")


class OnAir:
    """Sensors in a thread of their own, as `gonio emulate` has them in a process of its own."""

    def __init__(self, sensors: dict[str, tuple[str, Motion]]) -> None:
        self._sensors = sensors
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._ready = threading.Event()
        self.address = ""
        self.names: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        air = Air(connection_interval_s=0.015)
        stage = Stage(len(self._sensors))
        sensors = []
        for slot, (profile, motion) in self._sensors.items():
            sensor = EmulatedSensor(air, Profile.load(profile), motion, stage=stage, loop=True)
            await sensor.start()
            self.names[slot] = sensor.name
            sensors.append(sensor)
        async with RadioServer(air, 0) as server:
            self.address = server.address
            self._ready.set()
            await self._stopped.wait()
        for sensor in sensors:
            await sensor.stop()

    def __enter__(self) -> "OnAir":
        self._thread.start()
        assert self._ready.wait(20.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(20.0)
        self._loop.close()


def swinging() -> Motion:
    t_s = np.arange(0.0, 12.0, 0.01)
    gyr = np.zeros((len(t_s), 3))
    gyr[:, 0] = 3.0 * np.sin(2.0 * np.pi * 0.5 * t_s)
    acc = np.tile([0.0, 0.0, 9.80665], (len(t_s), 1))
    return Motion.of(Samples.of("any", t_s, acc, gyr))


@pytest.fixture(scope="module")
def two_dots() -> Iterator[OnAir]:
    template = ExerciseTemplate.load("lumbar-bend")
    done = Exercise.of(template, plan(template, 2, np.random.default_rng(5)))
    samples = simulate(done, 5, calibrated=False).samples
    motions = motions_of(samples)
    with OnAir({slot: ("xsens-dot", motion) for slot, motion in motions.items()}) as on_air:
        yield on_air


@pytest.fixture(autouse=True)
def own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click, "get_app_dir", lambda _: str(tmp_path / "gonio"))


def test_a_scan_names_the_sensors_and_their_profiles(gonio: Gonio, two_dots: OnAir) -> None:
    ran = gonio("scan", "--adapter", two_dots.address, *SCAN)
    assert ran.code == 0
    for name in two_dots.names.values():
        assert name in ran.out
    assert ran.out.count("xsens-dot") == 2
    ran = gonio("scan", "--adapter", two_dots.address, *SCAN, "--json")
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert {each["name"] for each in found} == set(two_dots.names.values())
    assert all(each["profiles"] == ["xsens-dot"] for each in found)


def test_a_stream_says_what_each_sensor_sends(gonio: Gonio, two_dots: OnAir) -> None:
    name = next(iter(two_dots.names.values()))
    ran = gonio("stream", name, "--adapter", two_dots.address, *SCAN, "--for", "2.5", "--json")
    assert ran.code == 0
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert {line["sensor"] for line in lines} == {name}
    assert lines[-1]["state"] == "streaming"
    assert lines[-1]["rate_hz"] == pytest.approx(60.0, rel=0.1)
    assert lines[-1]["battery_percent"] == 87
    ran = gonio("stream", "--adapter", two_dots.address, *SCAN, "--for", "2.5")
    assert "streaming" in ran.out
    assert "0 lost" in ran.out


def test_a_live_session_is_told_recorded_and_replayed_to_the_last_bit(
    gonio: Gonio, two_dots: OnAir, tmp_path: Path
) -> None:
    path = tmp_path / "session.parquet"
    slots = [f"--slot={slot}={name}" for slot, name in two_dots.names.items()]
    ran = gonio(
        "record", "-o", str(path), "-t", "lumbar-bend", "--adapter", two_dots.address, *SCAN,
        *slots, "--for", "16", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    events = [json.loads(line) for line in ran.out.splitlines()]
    told = [event for event in events if event["type"] == "rep"]
    assert len(told) >= 1
    assert Recording.open(path).info.events == [
        event for event in events if event["type"] in ("rep", "set", "session", "sensor", "cue",
                                                       "phase")
    ]  # fmt: skip
    checked = gonio("replay", str(path), "--check")
    assert checked.code == 0
    assert "identical" in checked.out
    again = tmp_path / "again.parquet"
    ran = gonio("redecode", str(path), "-o", str(again))
    assert "to the last bit" in ran.out
    checked = gonio("replay", str(again), "--check")
    assert (checked.code, "identical" in checked.out) == (0, True)


def test_samples_alone_are_recorded_without_a_template(
    gonio: Gonio, two_dots: OnAir, tmp_path: Path
) -> None:
    path = tmp_path / "samples.parquet"
    ran = gonio("record", "-o", str(path), "--adapter", two_dots.address, *SCAN, "--for", "2")
    assert ran.code == 0, ran.err
    recording = Recording.open(path)
    assert set(recording.slots) == set(two_dots.names.values())
    assert recording.info.events is None
    assert all(sensor.profile == "xsens-dot" for sensor in recording.info.sensors.values())


def test_sensors_that_are_not_there_are_told_by_name(gonio: Gonio, two_dots: OnAir) -> None:
    ran = gonio("stream", "Nobody", "--adapter", two_dots.address, *SCAN)
    assert ran.code == 2
    assert "No sensor 'Nobody' is near; there is Xsens DOT" in ran.err


def test_a_slot_that_the_template_lacks_is_told(
    gonio: Gonio, two_dots: OnAir, tmp_path: Path
) -> None:
    ran = gonio(
        "record", "-o", str(tmp_path / "no.parquet"), "-t", "lumbar-bend", "--slot", "foot=any",
        "--adapter", two_dots.address, *SCAN,
    )  # fmt: skip
    assert ran.code == 2
    assert "There is no slot 'foot'; the template has pelvis, thorax." in ran.err
    assert not (tmp_path / "no.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--profile", "nobody"], "nobody"),
        (["--mode", "nothing"], "xsens-dot has no mode 'nothing'"),
        (["--rate", "77"], "does not send at 77 Hz"),
    ],
)
def test_options_that_a_profile_does_not_have_are_told(
    gonio: Gonio, two_dots: OnAir, arguments: list[str], told: str
) -> None:
    ran = gonio("stream", "--adapter", two_dots.address, *SCAN, *arguments)
    assert ran.code == 2
    assert told in ran.err


@pytest.mark.parametrize("command", [["scan"], ["stream"], ["record", "-o", "x.parquet"]])
def test_without_an_emulation_its_address_is_refused(
    gonio: Gonio, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = gonio(*command, "--adapter", "127.0.0.1:9", *SCAN)
    assert ran.code == 2
    assert "gonio emulate PROFILE --play REC" in ran.err
    assert not list(tmp_path.glob("*.parquet"))


@pytest.mark.parametrize("command", [["scan"], ["stream"], ["record", "-o", "x.parquet"]])
def test_without_bluetooth_one_sentence_points_at_emulation(
    gonio: Gonio, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # No system bus: as on a machine without Bluetooth.
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    ran = gonio(*command, *SCAN)
    assert ran.code == 2
    assert len(ran.err.strip().splitlines()) == 1
    assert "has no Bluetooth" in ran.err
    assert "--adapter emulated" in ran.err


def test_an_emulation_serves_a_recording_until_it_is_over(gonio: Gonio, tmp_path: Path) -> None:
    path = tmp_path / "two.parquet"
    t_s = np.arange(0.0, 3.0, 0.02)
    still = np.tile([0.0, 0.0, 9.81], (len(t_s), 1))
    sensors = {name: SensorInfo(rate_hz=50.0) for name in ("pelvis", "thorax")}
    with RecordingWriter(path, RecordingInfo(sensors=sensors)) as writer:
        for name in sensors:
            writer.write(Samples.of(name, t_s, still, 0.0 * still))
    for arguments, told in (
        (["--play", str(path), "--simulate", "lumbar-bend"], "either --play REC or --simulate T"),
        ([], "either --play REC or --simulate T"),
        (["--play", str(path), "--loop", "--once"], "has no end"),
        (["--play", str(path), "--slot", "foot"], "foot"),
    ):
        ran = gonio("emulate", "xsens-dot", *arguments)
        assert ran.code == 2
        assert told in ran.err
    ran = gonio("emulate", "xsens-dot", "movesense", "thingy-52", "--play", str(path))
    assert ran.code == 2
    assert "3 profiles were given for 2 sensors" in ran.err


def test_packets_that_are_not_there_are_told(gonio: Gonio, tmp_path: Path) -> None:
    ran = gonio("redecode", str(tmp_path / "none.parquet"), "-o", str(tmp_path / "new.parquet"))
    assert ran.code == 2
    assert "none.packets.parquet does not exist" in ran.err


def test_a_recording_is_played_as_a_live_session(gonio: Gonio, tmp_path: Path) -> None:
    path, played = tmp_path / "swings.parquet", tmp_path / "live.parquet"
    write(path, swings("wrist"))
    replayed = gonio("replay", path, "-t", "watch-abduction", "--json")
    ran = gonio(
        "record", "-o", played, "-t", "watch-abduction", "--play", path, "--speed", "inf", "--json"
    )
    assert ran.code == 0, ran.err

    def reps(text: str) -> list[object]:
        events = [json.loads(line) for line in text.splitlines()]
        return [event for event in events if event["type"] == "rep"]

    assert reps(ran.out) == reps(replayed.out)
    assert len(reps(ran.out)) > 0
    assert "identical" in gonio("replay", played, "--check").out
    ran = gonio("record", "-o", played, "-t", "lumbar-bend", "--play", path)
    ran.refused("has no sensor 'pelvis'", "--slot pelvis=SENSOR")


def test_sensors_are_assigned_by_shaking_them_and_remembered(tmp_path: Path) -> None:
    async def main(clock_ns: Callable[[], int]) -> list[str]:
        # One after the other, each alone and hard.
        t_s = np.arange(0.0, 30.0, 0.01)
        motions = []
        for from_s in (4.0, 10.0):
            gyr = np.zeros((len(t_s), 3))
            shaken = (t_s > from_s) & (t_s < from_s + 3.0)
            gyr[shaken, 1] = 10.0 * np.sin(2.0 * np.pi * 4.0 * t_s[shaken])
            acc = np.tile([0.0, 0.0, 9.80665], (len(t_s), 1))
            motions.append(Motion.of(Samples.of("any", t_s, acc, gyr)))
        async with rig(clock_ns, ["xsens-dot", "xsens-dot"], motions=motions) as here:
            radio = nearby.Radio(scan_s=1.0)
            near = await nearby.Nearby.heard(radio, here.adapter)
            told: list[str] = []
            found = await nearby.shaken(
                here.adapter, radio, near, near.sensors,
                {"pelvis": "pelvis (front)", "thorax": "thorax"}, told.append, clock_ns=clock_ns,
            )  # fmt: skip
            assert found["pelvis"].address == here.sensors[0].address
            assert found["thorax"].address == here.sensors[1].address
            assert [sensor.identified for sensor in here.sensors] == [1, 1]
            memory = nearby.memory()
            for slot, each in found.items():
                memory.remember(each.address, slot, "xsens-dot")
            again = nearby.recalled(["pelvis", "thorax"], near, {}, nearby.memory())
            assert again == found
            return told

    told = in_virtual_time(main)
    assert told[0] == "Shake the sensor that you wear here: pelvis (front)"


def test_nobody_who_shakes_nothing_waits_for_ever() -> None:
    async def main(clock_ns: Callable[[], int]) -> None:
        async with rig(clock_ns, ["xsens-dot", "xsens-dot"]) as here:
            radio = nearby.Radio(scan_s=1.0)
            near = await nearby.Nearby.heard(radio, here.adapter)
            with pytest.raises(SlotError, match="No sensor was shaken for pelvis"):
                await nearby.shaken(
                    here.adapter, radio, near, near.sensors, {"pelvis": "pelvis"}, lambda _: None,
                    clock_ns=clock_ns,
                )  # fmt: skip

    in_virtual_time(main)
