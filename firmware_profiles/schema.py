"""The firmware profile: how a sensor model is recognised, started, stopped and read.

YAML written by a person from a data sheet, validated here, once, into typed objects. Bytes to
write are put together in `byte_pattern`; what the bytes of a packet are worth is worked out by
`devices.codec`.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from firmware_profiles import byte_pattern, expression
from firmware_profiles.document import DocumentError, Where, read_document
from firmware_profiles.errors import ProfileError, ProfileFault
from firmware_profiles.gatt import Advertisement, Reading, Service
from firmware_profiles.gatt import Characteristic as Characteristic
from firmware_profiles.library import is_profile_id, library_text, profile_ids
from firmware_profiles.mode import Mode as Mode
from firmware_profiles.mode import Parameter, Step, Table
from firmware_profiles.packet_layout import PacketLayout as PacketLayout
from firmware_profiles.packet_layout import Value as Value
from firmware_profiles.part import Id, ImpossibleError, Name, Part, near
from firmware_profiles.refusal import refusal
from firmware_profiles.steps import Action, Expect, Read, Subscribe, Unsubscribe, Wait, Write

# The longest profile of the library has some 8 kB; a hundred times that is another kind of file.
LARGEST_PROFILE_BYTES: Final = 800_000


# Before its value a notification has a byte of opcode and two of handle (Core, volume 3, part F).
ATT_BYTES: Final = 3


class Profile(Part):
    """One sensor model, fully checked.

    status: `experimental` where a scale or layout is not confirmed; `unconfirmed` says what, in
    sentences. services: everything of the device that is used, by names that steps and packets
    refer to. mtu: least that its packets need.
    """

    id: Id
    name: str = Field(min_length=1, max_length=80)
    vendor: str = Field(min_length=1, max_length=80)
    status: Literal["confirmed", "experimental"]
    unconfirmed: list[str] = Field(default_factory=list)
    sources: list[str] = Field(min_length=1)
    note: str = ""
    advertisement: Advertisement
    mtu: int = Field(default=23, ge=23, le=517)
    services: dict[Name, Service] = Field(min_length=1)
    parameters: dict[Name, Parameter] = Field(default_factory=dict)
    tables: dict[Name, Table] = Field(default_factory=dict)
    modes: dict[Id, Mode] = Field(min_length=1)
    default_mode: Id
    battery: Reading | None = None
    firmware: Reading | None = None
    identify: list[Step] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.status == "experimental") != bool(self.unconfirmed):
            raise ImpossibleError(
                "unconfirmed", "an experimental profile, and no other, says what is unconfirmed"
            )
        if self.default_mode not in self.modes:
            raise ImpossibleError(
                "default_mode", f"there is no mode {self.default_mode!r}"
                f"{near(self.default_mode, self.modes)}",
            )  # fmt: skip
        names = [name for service in self.services.values() for name in service.characteristics]
        uuids = [each.uuid for each in self.characteristics.values()]
        for kind, given in (("name", names), ("UUID", uuids)):
            twice = next((each for each in given if given.count(each) > 1), None)
            if twice is not None:
                raise ImpossibleError("services", f"the {kind} {twice!r} is given twice")
        self._check_tables()
        for where, name in self._referred():
            if name not in self.characteristics:
                raise ImpossibleError(
                    where, f"there is no characteristic {name!r}{near(name, self.characteristics)}"
                )
        for where, steps in self._all_steps():
            self._check_steps(where, steps)
        self._check_scales()
        self._check_lengths()
        return self

    # --- checks

    def _check_tables(self) -> None:
        clash = set(self.tables) & ({"rate"} | set(self.parameters))
        if clash:
            raise ImpossibleError(
                f"tables.{min(clash)}", "a parameter has this name already; choose another"
            )
        for name, table in self.tables.items():
            if table.by != "rate" and table.by not in self.parameters:
                known = ["rate", *self.parameters]
                raise ImpossibleError(
                    f"tables.{name}.by",
                    f"there is no parameter {table.by!r}{near(table.by, known)}",
                )
            if table.by in self.parameters:
                missing = set(self.parameters[table.by].choices) - set(table.values)
                if missing:
                    raise ImpossibleError(
                        f"tables.{name}.values", f"nothing stands for {min(missing):g}; add it"
                    )

    def _referred(self) -> Iterator[tuple[str, str]]:
        for part in ("battery", "firmware"):
            reading = getattr(self, part)
            if reading is not None:
                yield f"{part}.characteristic", reading.characteristic
        for where, steps in self._all_steps():
            for index, step in enumerate(steps):
                if step.characteristic is not None:
                    verb = next(
                        verb
                        for verb in ("subscribe", "unsubscribe", "read", "write", "expect")
                        if getattr(step, verb) is not None
                    )
                    yield f"{where}.{index}.{verb}", step.characteristic
        for mode_id, mode in self.modes.items():
            for index, layout in enumerate(mode.packets):
                yield f"modes.{mode_id}.packets.{index}.characteristic", layout.characteristic
            for index, name in enumerate(mode.codec.characteristics if mode.codec else ()):
                yield f"modes.{mode_id}.codec.characteristics.{index}", name

    def _all_steps(self) -> Iterator[tuple[str, list[Step]]]:
        yield "identify", self.identify
        for mode_id, mode in self.modes.items():
            yield f"modes.{mode_id}.start", mode.start
            yield f"modes.{mode_id}.stop", mode.stop

    def _check_steps(self, where: str, steps: list[Step]) -> None:
        allowed = {
            "subscribe": {"notify", "indicate"}, "read": {"read"},
            "write": {"write", "write_without_response"}, "expect": {"notify", "indicate"},
        }  # fmt: skip
        for index, step in enumerate(steps):
            for verb, properties in allowed.items():
                name = getattr(step, verb)
                if name is not None and not properties & set(self.characteristics[name].properties):
                    raise ImpossibleError(
                        f"{where}.{index}.{verb}",
                        f"{name!r} has none of the properties {' or '.join(sorted(properties))}",
                    )
            mode_id = where.split(".")[1] if where.startswith("modes.") else self.default_mode
            for field in ("bytes", "reply"):
                pattern = getattr(step, field)
                if pattern is None:
                    continue
                gaps_allowed = step.expect is not None and field == "bytes"
                for rate_hz in self.modes[mode_id].rates_hz:
                    self._check_pattern(f"{where}.{index}.{field}", pattern, rate_hz, gaps_allowed)

    def _check_pattern(self, where: str, pattern: str, rate_hz: float, gaps_allowed: bool) -> None:
        for values in self._every_choice(rate_hz):
            for name in byte_pattern.names(pattern):
                if name in self.tables and name not in values:
                    raise ImpossibleError(
                        where, f"the table {name!r} has no entry for {rate_hz:g} Hz; add it"
                    )
                if name not in values:
                    known = [*self.tables, *self.parameters, "rate"]
                    raise ImpossibleError(where, f"there is no table {name!r}{near(name, known)}")
            try:
                _, mask = byte_pattern.filled(pattern, values)
            except byte_pattern.BytePatternError as error:
                raise ImpossibleError(where, str(error)) from None
            if 0 in mask and not gaps_allowed:
                raise ImpossibleError(where, ".. stands for any byte, possible in `expect` alone")

    def _every_choice(self, rate_hz: float) -> Iterator[dict[str, str | float]]:
        """Each choice of each parameter once, the others at their defaults."""
        yield self.substitutions(rate_hz)
        for name, parameter in self.parameters.items():
            for choice in parameter.choices:
                yield self.substitutions(rate_hz, {name: choice})

    def _check_lengths(self) -> None:
        """Packets that come whole fit into one notification, and hold as many samples as said."""
        for mode_id, mode in self.modes.items():
            whole = [each for each in mode.packets if not (each.framing or each.continuation)]
            for index, layout in enumerate(mode.packets):
                count = None if layout.repeat is None else layout.repeat.count
                odd = [each for each in mode.rates_hz if count not in (None, mode.samples_at(each))]
                if odd and not layout.ignored:
                    raise ImpossibleError(
                        f"modes.{mode_id}.samples_per_packet",
                        f"packet {index + 1} holds {count} samples, and not "
                        f"{mode.samples_at(odd[0])}",
                    )
            longest = max(mode.samples_at(rate_hz) for rate_hz in mode.rates_hz)
            # Of several formats that one sensor may send, the shortest has to fit.
            shortest = min((each.length(longest) for each in whole), default=0)
            if shortest + ATT_BYTES > self.mtu:
                raise ImpossibleError(
                    "mtu",
                    f"a packet of the mode {mode_id!r} has {shortest} bytes, which takes an mtu of "
                    f"{shortest + ATT_BYTES}",
                )

    def _check_scales(self) -> None:
        for mode_id, mode in self.modes.items():
            for index, layout in enumerate(mode.packets):
                for table in filter(None, (value.scale_table for value in layout.values())):
                    self._check_scale(f"modes.{mode_id}.packets.{index}", table, mode)

    def _check_scale(self, where: str, table: str, mode: Mode) -> None:
        if table not in self.tables:
            raise ImpossibleError(
                where, f"the scale {table!r} is no table{near(table, self.tables)}"
            )
        for rate_hz in mode.rates_hz:
            if table not in self.substitutions(rate_hz):
                raise ImpossibleError(
                    f"tables.{table}.values", f"nothing stands for {rate_hz:g} Hz; add it"
                )
        try:
            for entry in self.tables[table].values.values():
                expression.value(entry)
        except ValueError as error:
            raise ImpossibleError(f"tables.{table}", str(error)) from None

    # --- lookups

    @property
    def characteristics(self) -> dict[str, Characteristic]:
        """All characteristics by name."""
        return {
            name: each
            for service in self.services.values()
            for name, each in service.characteristics.items()
        }

    def uuid(self, characteristic: str) -> str:
        """UUID of a characteristic by its name."""
        return self.characteristics[characteristic].uuid

    def recognises(
        self,
        name: str | None,
        service_uuids: Iterable[str] = (),
        manufacturer_ids: Iterable[int] = (),
    ) -> bool:
        """Whether an advertisement is one of this model."""
        return self.advertisement.recognises(name, service_uuids, manufacturer_ids)

    def mode(self, mode: str | None = None) -> Mode:
        """A mode by its id, by default the profile's own; raises ProfileError."""
        chosen = self.default_mode if mode is None else mode
        if chosen not in self.modes:
            raise ProfileError(
                ProfileFault.UNKNOWN_MODE,
                f"{self.id} has no mode {chosen!r}; choose one of {', '.join(self.modes)}.",
                path=self.id,
            )
        return self.modes[chosen]

    def rate_hz(self, mode: str | None = None, rate_hz: float | None = None) -> float:
        """A rate of a mode, by default the mode's own; raises ProfileError for another."""
        chosen = self.mode(mode)
        if rate_hz is None:
            return chosen.default_rate_hz
        if rate_hz not in chosen.rates_hz:
            known = ", ".join(f"{each:g}" for each in chosen.rates_hz)
            raise ProfileError(
                ProfileFault.UNKNOWN_RATE,
                f"{self.id} does not send at {rate_hz:g} Hz in this mode; choose one of {known}.",
                path=self.id,
            )
        return float(rate_hz)

    def substitutions(
        self, rate_hz: float, parameters: Mapping[str, float] | None = None
    ) -> dict[str, str | float]:
        """What stands for each name in bytes and scales; raises ProfileError."""
        chosen: dict[str, float] = {name: each.default for name, each in self.parameters.items()}
        for name, value in (parameters or {}).items():
            if name not in self.parameters:
                raise ProfileError(
                    ProfileFault.UNKNOWN_PARAMETER,
                    f"{self.id} has no parameter {name!r}"
                    f"{near(name, self.parameters) or '; see `gonio profiles show`'}.",
                    path=self.id,
                )
            if value not in self.parameters[name].choices:
                known = ", ".join(f"{each:g}" for each in self.parameters[name].choices)
                raise ProfileError(
                    ProfileFault.UNKNOWN_PARAMETER,
                    f"{self.id} has no {name} {value:g}; choose one of {known}.",
                    path=self.id,
                )
            chosen[name] = float(value)
        values: dict[str, str | float] = {"rate": rate_hz, **chosen}
        for name, table in self.tables.items():
            key = rate_hz if table.by == "rate" else chosen[table.by]
            if key in table.values:
                values[name] = table.values[key]
        return values

    def scale(self, value: Value, substitutions: Mapping[str, str | float]) -> float:
        """Factor of a field, before its unit."""
        table = value.scale_table
        return expression.value(value.scale if table is None else substitutions[table])

    def steps(
        self,
        kind: Literal["start", "stop", "identify"],
        mode: str | None = None,
        rate_hz: float | None = None,
        parameters: Mapping[str, float] | None = None,
    ) -> list[Action]:
        """What to do, in order, with every byte in its place; raises ProfileError."""
        chosen = self.mode(mode)
        values = self.substitutions(self.rate_hz(mode, rate_hz), parameters)
        steps = {"start": chosen.start, "stop": chosen.stop, "identify": self.identify}[kind]
        return [self._action(step, values) for step in steps]

    def _action(self, step: Step, values: Mapping[str, str | float]) -> Action:
        if step.wait_s is not None:
            return Wait(step.wait_s)
        characteristic = self.characteristics[step.characteristic or ""]
        if step.subscribe is not None:
            return Subscribe(characteristic.uuid)
        if step.unsubscribe is not None:
            return Unsubscribe(characteristic.uuid)
        if step.read is not None:
            return Read(characteristic.uuid)
        data, mask = byte_pattern.filled(step.bytes or "", values)
        if step.write is not None:
            with_response = "write" in characteristic.properties
            return Write(
                characteristic.uuid,
                data,
                with_response if step.response is None else step.response,
            )
        reply = data if step.reply is None else byte_pattern.filled(step.reply, values)[0]
        return Expect(characteristic.uuid, data, mask, step.timeout_s, reply)

    # --- files

    @classmethod
    def load(cls, id_or_path: str | Path) -> "Profile":
        """A profile of the library by id, or any YAML file; raises ProfileError."""
        if is_profile_id(id_or_path):
            return _library_profile(str(id_or_path))
        path = Path(id_or_path)
        try:
            if path.stat().st_size > LARGEST_PROFILE_BYTES:
                raise ProfileError(
                    ProfileFault.UNREADABLE,
                    f"{path} is larger than a profile can be; is it the right file?",
                    path=str(path),
                )
            text = path.read_text("utf-8")
        except FileNotFoundError:
            raise ProfileError(
                ProfileFault.NOT_FOUND,
                f"{path} does not exist; give a YAML file or an id of `gonio profiles list`"
                f"{near(str(path), profile_ids())}.",
                path=str(path),
            ) from None
        except (OSError, ValueError) as error:
            raise ProfileError(
                ProfileFault.UNREADABLE,
                f"{path} cannot be read as UTF-8 text ({error}); give a YAML file.",
                path=str(path),
            ) from None
        return cls.parse(text, path=str(path))

    @classmethod
    def parse(cls, text: str, *, path: str) -> Self:
        """A profile from its YAML text; raises ProfileError with line and field."""
        try:
            document, lines = read_document(text)
        except DocumentError as error:
            where = "" if error.line is None else f" line {error.line}"
            raise ProfileError(
                ProfileFault.UNREADABLE,
                f"{path}{where}: {error}; correct the YAML there.",
                path=path,
                line=error.line,
            ) from None
        return cls.from_document(document, path=path, lines=lines)

    @classmethod
    def from_document(
        cls, document: Any, *, path: str = "profile", lines: Mapping[Where, int] | None = None
    ) -> Self:
        """Validate a parsed document; raises ProfileError naming the field."""
        if not isinstance(document, dict):
            raise ProfileError(
                ProfileFault.INVALID,
                f"{path}: a profile is a mapping of fields such as id, services and modes.",
                path=path,
            )
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise refusal(error, path, lines or {}) from None

    def document(self) -> dict[str, Any]:
        """A JSON-able mapping from which `from_document` makes an equal profile."""
        return self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)


@cache
def _library_profile(profile_id: str) -> Profile:
    """A profile of the library, read once: a scanner asks for all of them."""
    return Profile.parse(library_text(profile_id), path=f"{profile_id}.yaml")
