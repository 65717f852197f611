"""What an emulated sensor makes of what is written to it: the steps of its profile, recognised.

A client follows the profile's steps; here they are followed along for every mode, rate and choice
at once, until only one of them can be meant. Sending is the business of `peripheral`.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from firmware_profiles.schema import Profile
from firmware_profiles.steps import Action, Expect, Subscribe, Unsubscribe, Write

Kind = Literal["start", "stop", "identify"]
Event = Write | Subscribe | Unsubscribe

# Profiles have two or three parameters of up to five choices; more combinations than this are cut
# to one parameter changed at a time.
MOST_CHOICES: Final = 200


@dataclass(frozen=True, slots=True)
class Setting:
    """How a sensor was asked to run."""

    mode: str
    rate_hz: float
    parameters: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Recipe:
    """Steps of one kind and setting, and how far the client has followed them.

    events: what the client does. replies: what it then waits for, by event. followed: the number
    of the client's event by which each step so far was done.
    """

    kind: Kind
    setting: Setting
    events: list[Event]
    replies: list[list[Expect]]
    followed: list[int] = field(default_factory=list)

    def follow(self, event: Event, number: int) -> list[Expect] | None:
        """Replies to the event where it belongs here, None where it does not."""
        place = len(self.followed) % len(self.events)
        if not _same(self.events[place], event):
            if not _same(self.events[0], event):
                return None
            place = 0
        del self.followed[place:]
        self.followed.append(number)
        return self.replies[place]

    @property
    def complete(self) -> bool:
        return len(self.followed) == len(self.events)


def _same(expected: Event, event: Event) -> bool:
    if isinstance(expected, Write) and isinstance(event, Write):
        # Whether the write was acknowledged is not the sensor's business.
        return expected.characteristic == event.characteristic and expected.data == event.data
    return expected == event


@dataclass(frozen=True, slots=True)
class Answer:
    """What follows from one event: replies to send, then what was asked for, once complete."""

    replies: list[Expect]
    kind: Kind | None = None
    setting: Setting | None = None


class Answering:
    """Follows a client.

    preferred: how the sensor runs where the client's steps leave it open, as those of sensors that
    stream on their own do.
    """

    def __init__(self, profile: Profile, preferred: Setting) -> None:
        self._preferred = preferred
        self._events = 0
        self._recipes = list(_recipes(profile, preferred))

    def reset(self) -> None:
        """A new link."""
        for recipe in self._recipes:
            recipe.followed.clear()

    def on(self, event: Event, running: Setting | None) -> Answer:
        """running: the setting of the stream that is under way, which a stop has to match."""
        self._events += 1
        replies: dict[tuple[str, bytes], Expect] = {}
        complete: list[_Recipe] = []
        for recipe in self._recipes:
            found = recipe.follow(event, self._events)
            if found is None:
                continue
            for reply in found:
                replies.setdefault((reply.characteristic, reply.reply), reply)
            if recipe.complete:
                complete.append(recipe)
        stops = [
            each
            for each in complete
            if each.kind == "stop" and running is not None and each.setting.mode == running.mode
        ]
        others = [each for each in complete if each.kind != "stop"]
        chosen = max(others, key=self._weight, default=None)
        if chosen is None and stops:
            chosen = stops[0]
        if chosen is None:
            return Answer(list(replies.values()))
        return Answer(list(replies.values()), chosen.kind, chosen.setting)

    def _weight(self, recipe: _Recipe) -> tuple[tuple[int, ...], bool, bool, bool]:
        """What was followed most recently was meant, and of that what has more steps."""
        wanted, given = self._preferred, recipe.setting
        return (
            tuple(reversed(recipe.followed)),
            given.mode == wanted.mode,
            given.rate_hz == wanted.rate_hz,
            given.parameters == wanted.parameters,
        )


def _recipes(profile: Profile, preferred: Setting) -> Iterator[_Recipe]:
    for mode_id, mode in profile.modes.items():
        for rate_hz in mode.rates_hz:
            for parameters in _choices(profile):
                setting = Setting(mode_id, rate_hz, parameters)
                start = profile.steps("start", mode_id, rate_hz, parameters)
                if not start and mode_id == preferred.mode:
                    # A stream that is decoded wherever it comes from; here it comes to listeners.
                    start = [Subscribe(uuid) for uuid in stream_characteristics(profile, mode_id)]
                yield from _recipe("start", setting, start)
                stop = profile.steps("stop", mode_id, rate_hz, parameters)
                if any(isinstance(step, Write) for step in stop):
                    # The command ends the stream, whether or not somebody listens on.
                    stop = [step for step in stop if not isinstance(step, Unsubscribe)]
                yield from _recipe("stop", setting, stop)
    yield from _recipe("identify", preferred, profile.steps("identify"))


def stream_characteristics(profile: Profile, mode: str) -> list[str]:
    """UUIDs on which a mode's packets come."""
    chosen = profile.mode(mode)
    names = [each.characteristic for each in chosen.packets if not each.ignored]
    if chosen.codec is not None:
        names += chosen.codec.characteristics
    return list(dict.fromkeys(profile.uuid(name) for name in names))


def _recipe(kind: Kind, setting: Setting, actions: Sequence[Action]) -> Iterator[_Recipe]:
    events: list[Event] = []
    replies: list[list[Expect]] = []
    for action in actions:
        if isinstance(action, Write | Subscribe | Unsubscribe):
            events.append(action)
            replies.append([])
        elif isinstance(action, Expect) and replies:
            replies[-1].append(action)
    if events:
        yield _Recipe(kind, setting, events, replies)


def _choices(profile: Profile) -> Iterator[dict[str, float]]:
    names = list(profile.parameters)
    all_choices = [profile.parameters[name].choices for name in names]
    combinations = 1
    for choices in all_choices:
        combinations *= len(choices)
    if combinations <= MOST_CHOICES:
        for chosen in itertools.product(*all_choices):
            yield dict(zip(names, chosen, strict=True))
        return
    defaults = {name: profile.parameters[name].default for name in names}
    yield defaults
    for name, choices in zip(names, all_choices, strict=True):
        for choice in choices:
            if choice != defaults[name]:
                yield {**defaults, name: choice}
