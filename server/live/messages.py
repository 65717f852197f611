"""The messages of a live session, in one table: who sends them, what they hold, what may be lost.

JSON texts, tagged by `type`; the events of the engine are `motion.events`'. The binary frame is
`packet_frame`'s; the document and the page that are made of the table are `asyncapi`'s.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from motion import events as engine
from motion.session import Control
from server.errors import LiveError, LiveFault

# Templates with a calibration are 10 kB; a plan of twelve exercises beside them, 100 kB.
LARGEST_TEXT_BYTES: Final = 2**18
LONGEST_QUOTE: Final = 120

Slot = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9_-]+$")]
SessionId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Number = Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]
Seq = Annotated[int, msgspec.Meta(ge=0)]


class SensorWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a sensor's packets are read: profile id, and mode, rate and parameters if not its own."""

    profile: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,60}$")]
    mode: Annotated[str, msgspec.Meta(max_length=60)] | None = None
    rate_hz: Annotated[float, msgspec.Meta(gt=0, le=100_000)] | None = None
    parameters: Annotated[dict[str, float], msgspec.Meta(max_length=32)] = msgspec.field(
        default_factory=dict
    )


class OpenMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="open"):
    """Begin a session, or go on with it after a lost network or a restart of the server.

    sensors: by slot; of a session that exists, the same. origin_ns: the client's steady clock at
    its session time 0. ack: the last `seq` that the client has; what follows is told again.
    angles: whether `angle` is wanted.
    """

    session: SessionId
    sensors: Annotated[dict[Slot, SensorWish], msgspec.Meta(min_length=1, max_length=8)]
    origin_ns: Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]
    ack: Seq = 0
    angles: bool = False


class ControlMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="control"):
    """A control of the session, counted among the frames by `number`."""

    number: Number
    control: Control


class OpenedMessage(msgspec.Struct, frozen=True, tag="opened"):
    """The session is open. number: the last input that the server has; send what follows it.

    sensors: by slot, the characteristics in the order of their index in frames.
    """

    session: str
    state: str
    number: int
    seq: int
    resumed: bool
    sensors: dict[str, list[str]]


class AckMessage(msgspec.Struct, frozen=True, tag="ack"):
    """Inputs up to `number` and events up to `ack` are on the disk and survive a crash."""

    number: int
    ack: int


class StateMessage(msgspec.Struct, frozen=True, tag="state"):
    """The session has entered another state, by the input `number`."""

    state: str
    number: int


class ErrorMessage(msgspec.Struct, frozen=True, tag="error"):
    """An input was refused; the session stays as it was. expected: the number that comes next."""

    reason: str
    message: str
    expected: int | None = None


ToServer = OpenMessage | ControlMessage
Told = OpenedMessage | AckMessage | StateMessage | ErrorMessage
ToClient = Told | engine.Event


class Direction(StrEnum):
    TO_SERVER = "to_server"
    TO_CLIENT = "to_client"


class Loss(StrEnum):
    """What may become of a message on its way."""

    NEVER = "never"
    ONCE = "once"
    REPLACED = "replaced"
    EXPIRES = "expires"
    DROPPED = "dropped"


LOSSES: Final = {
    Loss.NEVER: "never lost: sent again after a lost connection, until it is acknowledged",
    Loss.ONCE: "sent once a connection, which `open` and `opened` begin anew",
    Loss.REPLACED: "a newer one replaces it, for a client that reads slowly",
    Loss.EXPIRES: "worthless after its `expires_s`, and not sent again",
    Loss.DROPPED: "may be dropped",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A row of the table. rate: how often it comes, in words."""

    direction: Direction
    struct: type[msgspec.Struct]
    rate: str
    loss: Loss

    @property
    def name(self) -> str:
        return str(self.struct.__struct_config__.tag)


_UP, _DOWN = Direction.TO_SERVER, Direction.TO_CLIENT
MESSAGES: Final = (
    Message(_UP, OpenMessage, "once a connection", Loss.ONCE),
    Message(_UP, ControlMessage, "as the patient goes on", Loss.NEVER),
    Message(_DOWN, OpenedMessage, "once a connection", Loss.ONCE),
    Message(_DOWN, AckMessage, "after a commit, every 100 to 250 ms", Loss.REPLACED),
    Message(_DOWN, StateMessage, "when it changes", Loss.ONCE),
    Message(_DOWN, ErrorMessage, "for each input that is refused", Loss.ONCE),
    Message(_DOWN, engine.RepetitionEvent, "once a repetition", Loss.NEVER),
    Message(_DOWN, engine.SetEvent, "once a set", Loss.NEVER),
    Message(_DOWN, engine.SessionEvent, "once, the last", Loss.NEVER),
    Message(_DOWN, engine.LooksLikeEvent, "once a stretch of another exercise", Loss.NEVER),
    Message(_DOWN, engine.CueEvent, "at most one a repetition", Loss.EXPIRES),
    Message(_DOWN, engine.PhaseEvent, "a few a repetition", Loss.DROPPED),
    Message(_DOWN, engine.SensorEvent, "when a sensor changes", Loss.REPLACED),
    Message(_DOWN, engine.AngleEvent, "one a sample, if asked for", Loss.REPLACED),
)

_encoder: Final = msgspec.json.Encoder()
_to_server: Final[msgspec.json.Decoder[ToServer]] = msgspec.json.Decoder(ToServer)
_to_client: Final[msgspec.json.Decoder[ToClient]] = msgspec.json.Decoder(ToClient)


def encode(message: ToServer | ToClient) -> bytes:
    """A message as JSON."""
    return _encoder.encode(message)


def decode_to_server(text: bytes | str) -> ToServer:
    """What a client says; raises LiveError with the reason, whatever comes."""
    message: ToServer = _decoded(_to_server, text)
    return message


def decode_to_client(text: bytes | str) -> ToClient:
    """What a server says; raises LiveError on anything else."""
    message: ToClient = _decoded(_to_client, text)
    return message


def _decoded(decoder: Any, text: bytes | str) -> Any:
    if len(text) > LARGEST_TEXT_BYTES:
        raise LiveError(
            LiveFault.TOO_LARGE,
            f"A message of {len(text)} bytes came; send at most {LARGEST_TEXT_BYTES}.",
        )
    try:
        return decoder.decode(text)
    # A text with half a surrogate pair is no UTF-8; one that is nested deeply exhausts the stack.
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise LiveError(
            LiveFault.NOT_UNDERSTOOD,
            f"The message is none of this protocol ({str(error)[:LONGEST_QUOTE]}); "
            "docs/live-protocol.md lists them all.",
        ) from None
