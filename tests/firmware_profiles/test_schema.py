"""A profile with a mistake is refused, with file, line, field and a hint."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.codec import Decoder
from devices.packets import Packet
from firmware_profiles.errors import ProfileError, ProfileFault
from firmware_profiles.library import library_text
from firmware_profiles.schema import Profile
from firmware_profiles.steps import Expect

GOOD = """\
id: demo
name: Demo sensor
vendor: Nobody
status: confirmed
sources: [a data sheet]
advertisement: {names: ["Demo.*"]}
services:
  motion:
    uuid: 12340000-0000-1000-8000-00805f9b34fb
    characteristics:
      command:
        uuid: 12340001-0000-1000-8000-00805f9b34fb
        properties: [write]
      data:
        uuid: 12340002-0000-1000-8000-00805f9b34fb
        properties: [notify]
parameters:
  range_g: {title: Range, choices: [2, 4], default: 2}
tables:
  code: {by: rate, values: {50: "05", 100: "0a"}}
  scale: {by: range_g, values: {2: 2/32768, 4: 4/32768}}
default_mode: motion
modes:
  motion:
    title: Motion
    rates_hz: [50, 100]
    default_rate_hz: 100
    timestamp: {field: time, unit_s: 0.001, width_bits: 16}
    start:
      - subscribe: data
      - {write: command, bytes: "01 {code} {rate:u16be} 'ok'"}
      - {expect: data, bytes: aa .. 00, timeout_s: 1, reply: aa 55 00}
    stop:
      - {write: command, bytes: "00"}
      - unsubscribe: data
    packets:
      - characteristic: data
        header:
          - constant: aa
          - {field: time, type: u16}
          - {field: acc, type: i16, scale: scale, unit: g}
          - {field: gyr, type: i16, scale: 1/16.4, unit: deg/s}
"""


def line_of(text: str, part: str) -> int:
    return 1 + next(index for index, line in enumerate(text.splitlines()) if part in line)


def test_bytes_are_put_together_for_the_rate() -> None:
    profile = Profile.parse(GOOD, path="demo.yaml")
    _, write, expect = profile.steps("start", rate_hz=50)
    assert getattr(write, "data", b"") == b"\x01\x05\x00\x32ok"
    assert isinstance(expect, Expect)
    assert expect.reply == b"\xaa\x55\x00"
    assert expect.accepts(b"\xaa\x12\x00 and more")
    assert not expect.accepts(b"\xaa\x12\x01")
    assert not expect.accepts(b"\xaa")


@pytest.mark.parametrize(
    ("before", "after", "field", "hint"),
    [
        ("vendor: Nobody", "vender: Nobody", "vender", "perhaps 'vendor' is meant"),
        ("    title: Motion", "    titel: Motion", "modes.motion.titel",
         "perhaps 'title' is meant"),
        ("status: confirmed", "status: confirm", "status", "perhaps 'confirmed' is meant"),
        ("properties: [notify]", "properties: [notfy]",
         "services.motion.characteristics.data.properties.0", "perhaps 'notify' is meant"),
        ("type: u16}", "type: u61}",
         "modes.motion.packets.0.packing", "whole number of bytes"),
        ("{field: time, type: u16}", "{field: time, type: int16}",
         "modes.motion.packets.0.header.1.type", "perhaps 'i16' is meant"),
        ("scale: scale, unit: g", "scale: scael, unit: g", "modes.motion.packets.0",
         "perhaps 'scale' is meant"),
        ("unit: deg/s", "unit: deg", "modes.motion.packets.0.header.3.unit",
         "rad/s, deg/s or mdeg/s"),
        ("{field: gyr,", "{field: gry,", "modes.motion.packets.0.header.3.field",
         "perhaps 'gyr' is meant"),
        ("timestamp: {field: time,", "timestamp: {field: tim,", "modes.motion.timestamp",
         "perhaps 'time' is meant"),
        ("default_mode: motion", "default_mode: motoin", "default_mode",
         "perhaps 'motion' is meant"),
        ("      - subscribe: data", "      - subscribe: date", "modes.motion.start.0.subscribe",
         "perhaps 'data' is meant"),
        ("- {write: command, bytes: \"00\"}", "- {write: data, bytes: \"00\"}",
         "modes.motion.stop.0.write", "'data' has none of the properties write"),
        ("01 {code}", "01 {cod}", "modes.motion.start.1.bytes", "perhaps 'code' is meant"),
        ("{rate:u16be}", "{rate:i16}", "modes.motion.start.1.bytes", "packs no number"),
        ("01 {code}", "1 {code}", "modes.motion.start.1.bytes", "pairs of hexadecimal digits"),
        ('50: "05"', '51: "05"', "modes.motion.start.1.bytes", "no entry for 50 Hz"),
        ("by: rate", "by: rat", "tables.code.by", "perhaps 'rate' is meant"),
        ("{2: 2/32768, 4: 4/32768}", "{2: 2/32768}", "tables.scale.values", "stands for 4"),
        ("scale: 1/16.4", "scale: 1/16.4*1e30", "modes.motion.packets.0.header.3",
         "out of bounds"),
        ("scale: scale, unit: g", "scale: code, unit: g", "tables.code", "is no scale"),
        ("{by: range_g, values: {2: 2/32768, 4: 4/32768}}",
         "{by: rate, values: {50: 2/32768, 99: 4/32768}}", "tables.scale.values",
         "nothing stands for 100 Hz"),
        ("4: 4/32768", "4: four", "tables.scale", "is no scale"),
        ("default: 2}", "default: 3}", "parameters.range_g.default", "none of the choices"),
        ("default_rate_hz: 100", "default_rate_hz: 99", "modes.motion.default_rate_hz",
         "none of rates_hz"),
        ("names: [\"Demo.*\"]", "names: [\"Demo(\"]", "advertisement.names",
         "no regular expression"),
        ("12340002-0000", "1234-0000", "services.motion.characteristics.data.uuid", "a UUID has"),
        ("12340002-", "12340001-", "services", "is given twice"),
        ("          - constant: aa\n", "", None, None),
        ("field: acc, type: i16, scale: scale, unit: g", "field: time, type: u16",
         "modes.motion.packets.0.header", "stands twice"),
        ("status: confirmed", "status: experimental", "unconfirmed", "says what is unconfirmed"),
        ("aa .. 00, timeout_s: 1, reply: aa 55 00", "aa .. 00, reply: aa .. 00",
         "modes.motion.start.2.reply", "possible in `expect` alone"),
    ],
)  # fmt: skip
def test_a_typo_is_told_with_file_line_and_field(
    before: str, after: str, field: str | None, hint: str | None
) -> None:
    text = GOOD.replace(before, after, 1)
    assert text != GOOD
    if field is None:
        Profile.parse(text, path="demo.yaml")
        return
    with pytest.raises(ProfileError) as caught:
        Profile.parse(text, path="demo.yaml")
    error = caught.value
    assert error.reason is ProfileFault.INVALID
    assert error.path == "demo.yaml"
    assert error.field == field
    assert hint is not None
    assert hint in str(error)
    assert error.line is not None
    assert f"demo.yaml line {error.line}: {field}" in str(error)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("vendor: Nobody", "vender: Nobody"),
        ("    title: Motion", "    titel: Motion"),
        ("{field: gyr,", "{field: gry,"),
        ("default_mode: motion", "default_mode: motoin"),
        ('- {write: command, bytes: "00"}', '- {write: comand, bytes: "00"}'),
    ],
)
def test_the_line_is_the_one_with_the_typo(before: str, after: str) -> None:
    text = GOOD.replace(before, after, 1)
    with pytest.raises(ProfileError) as caught:
        Profile.parse(text, path="demo.yaml")
    assert caught.value.line == line_of(text, after.strip())


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("id: a\nid: b\n", 2, "given twice"),
        ("id: &x a\nname: *x\n", 2, "aliases are not allowed"),
        ("id: [\n", 2, "correct the YAML there"),
        ("{a: 1}: 2\n", 1, "a field name must be text"),
        ("id: 2024-13-45\n", 1, "correct the YAML there"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_line(text: str, line: int, problem: str) -> None:
    with pytest.raises(ProfileError, match=problem) as caught:
        Profile.parse(text, path="x.yaml")
    assert caught.value.reason is ProfileFault.UNREADABLE
    assert caught.value.line == line


@pytest.mark.parametrize("text", ["", "- a\n", "42\n"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(ProfileError, match="a mapping of fields") as caught:
        Profile.parse(text, path="x.yaml")
    assert caught.value.reason is ProfileFault.INVALID


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ProfileError, match="correct the YAML"):
        Profile.parse("a: " + "[" * 5000 + "]" * 5000, path="x.yaml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="does not exist") as caught:
        Profile.load(tmp_path / "none.yaml")
    assert caught.value.reason is ProfileFault.NOT_FOUND
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileError, match="cannot be read as UTF-8") as caught:
        Profile.load(binary)
    assert caught.value.reason is ProfileFault.UNREADABLE
    large = tmp_path / "large.yaml"
    large.write_text("#" * 900_000)
    with pytest.raises(ProfileError, match="larger than a profile"):
        Profile.load(large)


def test_a_file_of_ones_own_is_loaded_like_one_of_the_library(tmp_path: Path) -> None:
    file = tmp_path / "demo.yaml"
    file.write_text(GOOD)
    assert Profile.load(file) == Profile.load(str(file)) == Profile.parse(GOOD, path="demo.yaml")


def test_modes_rates_and_parameters_that_do_not_exist() -> None:
    profile = Profile.load("metamotion-r")
    with pytest.raises(ProfileError, match="has no mode 'pack'; choose one of packed"):
        profile.steps("start", "pack")
    with pytest.raises(ProfileError, match="does not send at 99 Hz") as caught:
        profile.steps("start", "packed", 99)
    assert caught.value.reason is ProfileFault.UNKNOWN_RATE
    with pytest.raises(ProfileError, match="perhaps 'acc_range_g' is meant"):
        profile.steps("start", parameters={"acc_range": 4})
    with pytest.raises(ProfileError, match="choose one of 2, 4, 8, 16"):
        profile.steps("start", parameters={"acc_range_g": 3})


@settings(max_examples=300)
@given(data=st.data())
def test_a_damaged_profile_is_refused_or_makes_a_decoder_that_never_raises(
    data: st.DataObject,
) -> None:
    lines = GOOD.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(lines) - 1))
        line = lines[index]
        at = data.draw(st.integers(0, len(line)))
        added = data.draw(st.text("0123456789-: {}[]'\"/xyzabc_", max_size=4))
        damage = data.draw(
            st.sampled_from([line[:at] + line[at + 1 :], line[:at] + added + line[at:], "", *lines])
        )
        lines[index] = damage
    refusal = None
    try:
        profile = Profile.parse("\n".join(lines), path="x.yaml")
        decoder = Decoder(profile)
    except ProfileError as error:
        refusal = str(error)
    if refusal is not None:
        assert refusal.endswith(".")
        return
    for each in profile.characteristics.values():
        for content in data.draw(st.lists(st.binary(max_size=40), max_size=4)):
            decoder.push(Packet(0, each.uuid, b"\xaa" + content))


@pytest.mark.parametrize(
    ("profile", "was", "becomes", "field", "told"),
    [
        ("xsens-dot", "mtu: ", "mtu: 23 # ", "mtu", "which takes an mtu of"),
        ("metamotion-r", "count: 3", "count: 4", "samples_per_packet", "4 samples, and not 3"),
    ],
)
def test_packets_that_do_not_fit_are_refused(
    profile: str, was: str, becomes: str, field: str, told: str
) -> None:
    text = library_text(profile)
    assert was in text
    with pytest.raises(ProfileError, match=told) as caught:
        Profile.parse(text.replace(was, becomes, 1), path="own.yaml")
    assert caught.value.field is not None
    assert field in caught.value.field
