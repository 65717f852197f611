"""The protocol of a live session as an AsyncAPI 3 document and as a page of the documentation.

Both are made of `messages.MESSAGES` and the layout in `packet_frame`; nothing is told here alone.
"""

import inspect
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from devices.packet_file import LONGEST_PACKET
from server.live import packet_frame
from server.live.messages import LOSSES, MESSAGES, Direction, Message

TITLE: Final = "Gonio live session"
FRAME: Final = "frame"
_REFERENCES: Final = "#/components/schemas/{name}"


def document() -> dict[str, Any]:
    """The AsyncAPI 3.0 document, JSON-able."""
    structs = [message.struct for message in MESSAGES]
    schemas, components = msgspec.json.schema_components(structs, ref_template=_REFERENCES)
    messages: dict[str, Any] = {
        message.name: {
            "name": message.name,
            "summary": _summary(message.struct),
            "contentType": "application/json",
            "description": f"{message.rate}; {LOSSES[message.loss]}.",
            "payload": schema,
        }
        for message, schema in zip(MESSAGES, schemas, strict=True)
    }
    messages[FRAME] = {
        "name": FRAME,
        "summary": "What sensors sent, in binary.",
        "contentType": "application/octet-stream",
        "description": _layout(),
        "payload": {"type": "string", "format": "binary"},
    }
    ways = {
        "receive": [FRAME, *(m.name for m in MESSAGES if m.direction is Direction.TO_SERVER)],
        "send": [m.name for m in MESSAGES if m.direction is Direction.TO_CLIENT],
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": TITLE,
            "version": str(packet_frame.VERSION),
            "description": "Seen from the server: it receives inputs and sends what came of them.",
        },
        "channels": {
            "live": {
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            action: {
                "action": action,
                "channel": {"$ref": "#/channels/live"},
                "messages": [{"$ref": f"#/channels/live/messages/{name}"} for name in names],
            }
            for action, names in ways.items()
        },
        "components": {"messages": messages, "schemas": components},
    }


def page() -> str:
    """The page of the documentation, Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# The live protocol"
    yield ""
    yield "<!-- Made by `python -m server.live.asyncapi docs/asyncapi.json` from the table. -->"
    yield ""
    yield (
        "How a program that owns the sensors hands their packets to a live session and hears what "
        "came of them. This build runs it over a pipe in `python -m benchmarks crash`; it has no "
        "network socket yet. [The same for machines](asyncapi.json) is an AsyncAPI 3 document."
    )
    yield ""
    yield (
        "A client sends `open`, then inputs: frames of packets and controls, counted together from "
        "1 by `number`. The server drops an input that it has and refuses one that leaves a number "
        "out, telling which it expects. Events are sent at once, and survive a crash once `ack` is "
        "at least their `seq`. After a lost connection the client opens again with the last `seq` "
        "that it has, hears what followed, and sends every input after `opened.number` once more: "
        "the events that come of them are the same to the last bit."
    )
    for title, way in (
        ("From the client", Direction.TO_SERVER),
        ("From the server", Direction.TO_CLIENT),
    ):
        yield ""
        yield f"## {title}"
        yield ""
        yield "| message | what it says | how often | on its way |"
        yield "|---|---|---|---|"
        for message in MESSAGES:
            if message.direction is way:
                yield (
                    f"| `{message.name}` | {_summary(message.struct)} | {message.rate} "
                    f"| {LOSSES[message.loss]} |"
                )
    for message in MESSAGES:
        if not message.struct.__module__.startswith("motion."):
            yield from _fields(message)
    yield ""
    yield "The other messages are the engine's [events](events.md)."
    yield ""
    yield "## The binary frame"
    yield ""
    yield _layout()
    yield ""
    yield (
        f"At most {packet_frame.MOST_RECORDS} records a frame, {LONGEST_PACKET} bytes "
        f"a record. What is not of this form is refused with an `error` and changes nothing."
    )


def _fields(message: Message) -> Iterator[str]:
    yield ""
    yield f"### `{message.name}`"
    yield ""
    yield " ".join((inspect.getdoc(message.struct) or "").split())
    yield ""
    yield "| field | required |"
    yield "|---|---|"
    for field in msgspec.structs.fields(message.struct):
        yield f"| `{field.encode_name}` | {'yes' if field.required else 'no'} |"


def _summary(struct: type[msgspec.Struct]) -> str:
    return (inspect.getdoc(struct) or "").split("\n\n")[0].replace("\n", " ")


def _layout() -> str:
    """The part of `packet_frame`'s docstring that says where which byte lies."""
    text = inspect.getdoc(packet_frame) or ""
    return text[text.index("Little endian") :].replace("::\n", ":\n")


def _main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("Give the file: python -m server.live.asyncapi docs/asyncapi.json\n")
        return 2
    target = Path(arguments[0])
    target.write_text(json.dumps(document(), indent=2) + "\n", "utf-8")
    target.with_name("live-protocol.md").write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(_main(sys.argv[1:]))
