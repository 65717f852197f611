"""One way to run a sensor: its rates, packets and clock, and the steps that start and stop it."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from firmware_profiles.packet_layout import PacketLayout
from firmware_profiles.part import ImpossibleError, Name, Part, near, pattern
from firmware_profiles.quantity import QUANTITIES

# A person's slow movements hold what matters below some 10 Hz; half a rate has to be above that.
LEAST_TRACKING_RATE_HZ: Final = 25.0


class Step(Part):
    """One thing to do; exactly one of subscribe, unsubscribe, read, write, expect and wait_s.

    bytes: of a write, or with .. for any byte of an expected reply, which may go on after them.
    response: whether a write is acknowledged; by default as the characteristic allows. reply: what
    an emulated sensor sends, where `bytes` does not say everything.
    """

    subscribe: Name | None = None
    unsubscribe: Name | None = None
    read: Name | None = None
    write: Name | None = None
    expect: Name | None = None
    wait_s: float | None = Field(default=None, gt=0, le=30)
    bytes: str | None = None
    response: bool | None = None
    timeout_s: float = Field(default=2.0, gt=0, le=30)
    reply: str | None = None

    @field_validator("bytes", "reply")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        return None if value is None else pattern(value)

    @model_validator(mode="after")
    def _one(self) -> Self:
        verbs = ("subscribe", "unsubscribe", "read", "write", "expect", "wait_s")
        given = [verb for verb in verbs if getattr(self, verb) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(verbs)}")
        if (self.bytes is not None) != (given[0] in ("write", "expect")):
            raise ImpossibleError("bytes", "bytes belong to write and expect, and to nothing else")
        if self.response is not None and self.write is None:
            raise ImpossibleError("response", "only a write has a response")
        if self.reply is not None and self.expect is None:
            raise ImpossibleError("reply", "only an expected reply has one")
        return self

    @property
    def characteristic(self) -> str | None:
        """Name of the characteristic that it is about."""
        return self.subscribe or self.unsubscribe or self.read or self.write or self.expect


class Parameter(Part):
    """A choice that a person has beside mode and rate, such as a range."""

    title: str = Field(min_length=1, max_length=100)
    choices: list[float] = Field(min_length=1)
    default: float

    @model_validator(mode="after")
    def _among(self) -> Self:
        if self.default not in self.choices:
            raise ImpossibleError("default", "the default is none of the choices")
        return self


class Table(Part):
    """What stands for each choice of a parameter, or each rate: bytes or a scale.

    by: `rate`, or a parameter. values: bytes as hexadecimal text, or a number or quotient.
    """

    by: Name
    values: dict[float, str | float] = Field(min_length=1)


class Timestamp(Part):
    """The device's clock in a packet. unit_s: of one tick. width_bits: after which it wraps.

    refers_to: the sample of the packet that it belongs to.
    """

    field: Name
    unit_s: float = Field(gt=0, le=1)
    width_bits: int = Field(ge=4, le=64)
    refers_to: Literal["first", "last"] = "first"


class SequenceCounter(Part):
    """A number in a packet that grows by one a packet, or by one a sample."""

    field: Name
    width_bits: int = Field(ge=2, le=64)
    counts: Literal["packets", "samples"] = "packets"


class CodecChoice(Part):
    """Code that decodes what no layout can describe: a module of `devices.codecs`.

    characteristics: those whose packets it gets. quantities: what it decodes.
    """

    name: Name
    characteristics: list[Name] = Field(min_length=1)
    quantities: list[Name] = Field(min_length=1)
    options: dict[Name, str | float | list[float]] = Field(default_factory=dict)

    @field_validator("quantities")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for each in value:
            if each not in QUANTITIES:
                raise ValueError(f"{each!r} is no quantity{near(each, QUANTITIES)}")
        return value


class Mode(Part):
    """One way to run the sensor.

    rates_hz: samples a second that can be asked for. joined: a sample is spread over one packet of
    every layout, which are paired in the order of arrival. samples_per_packet: nominal, one number
    or one a rate. decode_only: its packets are understood, but no exercise is tracked with it.
    """

    title: str = Field(min_length=1, max_length=120)
    rates_hz: list[Annotated[float, Field(gt=0, le=10_000)]] = Field(min_length=1)
    default_rate_hz: float
    packets: list[PacketLayout] = Field(default_factory=list)
    joined: bool = False
    codec: CodecChoice | None = None
    timestamp: Timestamp | None = None
    counter: SequenceCounter | None = None
    samples_per_packet: int | dict[float, int] = 1
    start: list[Step] = Field(default_factory=list)
    stop: list[Step] = Field(default_factory=list)
    decode_only: bool = False
    note: str = ""

    @field_validator("samples_per_packet")
    @classmethod
    def _positive(cls, value: int | dict[float, int]) -> int | dict[float, int]:
        if min(value.values() if isinstance(value, dict) else [value], default=0) < 1:
            raise ValueError("a packet has at least one sample")
        return value

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.default_rate_hz not in self.rates_hz:
            raise ImpossibleError("default_rate_hz", "the default is none of rates_hz")
        if bool(self.packets) == (self.codec is not None):
            raise ImpossibleError("packets", "give either packets or a codec")
        if isinstance(self.samples_per_packet, dict):
            missing = set(self.rates_hz) - set(self.samples_per_packet)
            if missing:
                raise ImpossibleError(
                    "samples_per_packet", f"no number for {min(missing):g} Hz; give one a rate"
                )
        if self.codec is None:
            self._check_packets()
        return self

    def _check_packets(self) -> None:
        if not self.quantities:
            raise ImpossibleError("packets", "no packet has a quantity; name a field acc or gyr")
        useful = [layout for layout in self.packets if not layout.ignored]
        for field, wanted in (("timestamp", self.timestamp), ("counter", self.counter)):
            if wanted is None:
                continue
            held = [
                {v.field for v in (*layout.header, *layout.trailer) if v.field} for layout in useful
            ]
            if self.joined and any(wanted.field in names for names in held):
                continue
            if not all(wanted.field in names for names in held):
                known = sorted(set().union(*held) - set(QUANTITIES))
                raise ImpossibleError(
                    field, f"no field {wanted.field!r} in the packet{near(wanted.field, known)}"
                )
        if self.joined:
            names = [name for layout in useful for name in layout.quantities]
            if len(useful) < 2 or len(set(names)) != len(names):
                raise ImpossibleError(
                    "joined", "two or more packets with different quantities can be joined"
                )

    @property
    def quantities(self) -> list[str]:
        """Names of what it measures."""
        if self.codec is not None:
            return list(self.codec.quantities)
        return list(dict.fromkeys(name for each in self.packets for name in each.quantities))

    @property
    def tracking(self) -> bool:
        """Whether exercises can be tracked with it, at one of its rates at least."""
        return any(self.why_not(rate_hz) is None for rate_hz in self.rates_hz)

    def why_not(self, rate_hz: float | None = None) -> str | None:
        """Why exercises cannot be tracked with it, in a sentence; None where they can."""
        rate_hz = self.default_rate_hz if rate_hz is None else rate_hz
        missing = [name for name in ("acc", "gyr") if name not in self.quantities]
        if missing:
            words = " and ".join(
                {"acc": "acceleration", "gyr": "angular rate"}[name] for name in missing
            )
            return (
                f"Tracking needs acceleration and angular rate, and this mode sends no {words}; "
                f"choose a mode with both, or another sensor."
            )
        if rate_hz < LEAST_TRACKING_RATE_HZ:
            faster = [rate for rate in self.rates_hz if rate >= LEAST_TRACKING_RATE_HZ]
            hint = f"choose {min(faster):g} Hz or more" if faster else "choose another sensor"
            return (
                f"Tracking needs {LEAST_TRACKING_RATE_HZ:g} samples a second, and these are "
                f"{rate_hz:g}; {hint}."
            )
        if self.decode_only:
            return (
                "This mode is decoded for whoever looks at its packets, and exercises are not "
                "tracked with it; choose another mode."
            )
        return None

    def samples_at(self, rate_hz: float) -> int:
        """Nominal samples of a packet at a rate."""
        if isinstance(self.samples_per_packet, dict):
            return self.samples_per_packet[rate_hz]
        return self.samples_per_packet
