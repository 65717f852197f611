"""`gonio emulate`: sensors that are none, for machines without Bluetooth and for trying things out.

Puts sensors on an air and serves it to other commands. What they say is their profiles' business.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final

import click
import numpy as np
from rich.console import Console

from devices.emulation.air import Air
from devices.emulation.faults import Faults
from devices.emulation.motion import Motion, Stage, motions_of
from devices.emulation.peripheral import EmulatedSensor
from devices.emulation.tcp import HOST, PORT, RadioServer
from devices.recording import Recording
from firmware_profiles.schema import Profile
from motion.performance import plan
from motion.simulation import Exercise
from motion.simulation import simulate as simulation_of
from motion.template import DominantMovement, ExerciseTemplate, HoldMovement, LearnedMovement
from server import terminal, wording
from server.errors import OptionError

# Nobody emulates more than a hub streams from.
MOST_SENSORS: Final = 8
SIMULATED_REPETITIONS: Final = 10
SIMULATED_HOLDS: Final = 3
SIMULATED_RATE_HZ: Final = 200.0
# Changes of the sensors are told as soon as a person would wonder.
LOOK_S: Final = 0.2


@click.command()
@click.argument("profiles", metavar="PROFILE...", nargs=-1, required=True)
@click.option(
    "--play", type=click.Path(path_type=Path), metavar="REC", help="The recording that they play."
)
@click.option("--simulate", metavar="T", help="Instead: a person who does this exercise.")
@click.option("--slot", "slots", multiple=True, metavar="SLOT", help="Only these sensors of it.")
@click.option("--mode", metavar="MODE", help="How they run where the client leaves that open.")
@click.option("--rate", "rate_hz", type=float, metavar="HZ", help="The same of the rate.")
@click.option("--loop", is_flag=True, help="Play over and over.")
@click.option("--once", is_flag=True, help="End when everything has been played.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, metavar="N",
    help=f"Where the radio is served, on {HOST} alone; 0 takes a free one.",
)  # fmt: skip
@click.option(
    "--interval", "interval_ms", type=click.FloatRange(0.0, 4000.0), default=30.0,
    show_default=True, metavar="MS", help="Connection interval.",
)  # fmt: skip
@click.option(
    "--loss", "loss_percent", type=click.FloatRange(0.0, 100.0), default=0.0, metavar="PERCENT",
    help="Packets that are never sent.",
)  # fmt: skip
@click.option(
    "--duplicates", "duplicates_percent", type=click.FloatRange(0.0, 100.0), default=0.0,
    metavar="PERCENT", help="Packets that are sent twice.",
)  # fmt: skip
@click.option(
    "--drift", "drift_ppm", type=click.FloatRange(-20_000.0, 20_000.0), default=0.0, metavar="PPM",
    help="By how much their clocks are fast.",
)  # fmt: skip
@click.option(
    "--drop", "drops_s", type=click.FloatRange(0.0), multiple=True, metavar="S",
    help="The link breaks off so many seconds after the first start; may be given again.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, metavar="N", help="Of all that is drawn.")
def emulate(
    profiles: Sequence[str],
    play: Path | None,
    simulate: str | None,
    slots: Sequence[str],
    mode: str | None,
    rate_hz: float | None,
    loop: bool,
    once: bool,
    port: int,
    interval_ms: float,
    loss_percent: float,
    duplicates_percent: float,
    drift_ppm: float,
    drops_s: Sequence[float],
    seed: int,
) -> None:
    """Emulate sensors that speak PROFILE and play a recording or a simulation.

    One PROFILE is spoken by all sensors of the recording, several are dealt out in order. Other
    commands reach the sensors with --adapter emulated.
    """
    if (play is None) == (simulate is None):
        raise OptionError("--play", "Give either --play REC or --simulate T.")
    if loop and once:
        raise OptionError("--once", "--loop has no end; leave out --once or --loop.")
    loaded = [Profile.load(name) for name in profiles]
    motions = _recorded(play, slots) if play is not None else _simulated(str(simulate), slots, seed)
    if len(motions) > MOST_SENSORS:
        raise OptionError(
            "--slot", f"At most {MOST_SENSORS} sensors are emulated; choose them with --slot."
        )
    if len(loaded) > len(motions):
        raise OptionError(
            "PROFILE", f"{len(loaded)} profiles were given for {len(motions)} sensors; give fewer."
        )
    faults = [
        Faults(
            loss=loss_percent / 100.0,
            duplicates=duplicates_percent / 100.0,
            drift_ppm=drift_ppm,
            link_drops_s=tuple(drops_s),
            seed=seed + number,
        )
        for number in range(len(motions))
    ]
    terminal.show_at_once()
    exercise = "" if simulate is None else f" --template {simulate}"
    asyncio.run(
        _serve(
            loaded, motions, faults, mode, rate_hz, loop, once, port, interval_ms / 1000.0, exercise
        )
    )


def _recorded(path: Path, slots: Sequence[str]) -> dict[str, Motion]:
    recording = Recording.open(path)
    try:
        return motions_of(recording, slots or None)
    except ValueError as error:
        raise OptionError("--slot", f"{path}: {error}.") from None


def _simulated(name: str, slots: Sequence[str], seed: int) -> dict[str, Motion]:
    template = ExerciseTemplate.load(name)
    random = np.random.default_rng(seed)
    held = isinstance(template.movement, HoldMovement)
    performance = plan(template, SIMULATED_HOLDS if held else SIMULATED_REPETITIONS, random)
    worn = None
    if isinstance(template.movement, DominantMovement | LearnedMovement):
        # A watch: its slots name no segment.
        worn = dict.fromkeys(template.slots, "forearm")
    simulation = simulation_of(
        Exercise.of(template, performance, worn=worn),
        seed,
        rate_hz=SIMULATED_RATE_HZ,
        calibrated=False,
    )
    unknown = set(slots) - set(simulation.samples)
    if unknown:
        raise OptionError(
            "--slot",
            f"The exercise has no sensor {min(unknown)!r}; it has {', '.join(simulation.samples)}.",
        )
    chosen = {slot: simulation.samples[slot] for slot in (slots or simulation.samples)}
    return motions_of(chosen)


async def _serve(
    profiles: Sequence[Profile],
    motions: dict[str, Motion],
    faults: Sequence[Faults],
    mode: str | None,
    rate_hz: float | None,
    loop: bool,
    once: bool,
    port: int,
    interval_s: float,
    exercise: str,
) -> None:
    """exercise: what `gonio record` is to be told of it, as it is typed."""
    out = terminal.console()
    air = Air(connection_interval_s=interval_s)
    stage = Stage(len(motions))
    sensors: dict[str, EmulatedSensor] = {}
    for number, (slot, motion) in enumerate(motions.items()):
        profile = profiles[min(number, len(profiles) - 1)]
        sensors[slot] = EmulatedSensor(
            air, profile, motion, mode=mode, rate_hz=rate_hz, faults=faults[number], stage=stage,
            loop=loop,
        )  # fmt: skip
    async with AsyncExitStack() as stack:
        try:
            server = await stack.enter_async_context(RadioServer(air, port))
        except OSError as error:
            raise OptionError(
                "--port",
                f"Port {port} cannot be used ({os.strerror(error.errno or 0).lower()}); choose "
                "another with --port.",
            ) from None
        for slot, sensor in sensors.items():
            stack.push_async_callback(sensor.stop)
            await sensor.start()
            lasts = wording.duration(sensor.motion.duration_s)
            terminal.say(out, f"{sensor.name} ({sensor.address}) plays {slot}, {lasts}", "bold")
        where = server.address
        option = "emulated" if where == f"{HOST}:{PORT}" else where
        terminal.say(out, "They wait for a client; in another terminal:")
        # Nobody can shake what is emulated.
        worn = "".join(f' --slot "{slot}={sensor.name}"' for slot, sensor in sensors.items())
        for command in (
            f"gonio scan --adapter {option}",
            f"gonio stream --adapter {option}",
            f"gonio record -o session.parquet{exercise} --adapter {option}{worn}",
        ):
            out.print(terminal.plain_text(f"  {command}", "bold"), soft_wrap=True)
        terminal.say(out, "Ctrl-C ends it.", "dim")
        await _until_over(out, sensors, once)


async def _until_over(out: Console, sensors: dict[str, EmulatedSensor], once: bool) -> None:
    """Tell what happens until the user ends it, or everything was played."""
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        # Not on Windows, where Ctrl-C raises KeyboardInterrupt instead.
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    told = dict.fromkeys(sensors, "")
    while not stopped.is_set():
        for slot, sensor in sensors.items():
            state = "waits"
            if sensor.is_connected:
                state = "is connected"
            if sensor.streaming is not None:
                state = "has been played" if sensor.ended.is_set() else "streams"
            if state != told[slot] and (told[slot] or state != "waits"):
                terminal.say(out, f"{sensor.name} {state}.")
            told[slot] = state
        if once and all(sensor.ended.is_set() for sensor in sensors.values()):
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await stopped.wait()
