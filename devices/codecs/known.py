"""The codecs that a profile can name."""

import difflib
from types import MappingProxyType
from typing import Final

from devices.codecs.interface import Codec
from devices.codecs.openearable import OpenEarable
from devices.codecs.polar_delta import PolarDelta
from firmware_profiles.errors import ProfileError, ProfileFault
from firmware_profiles.schema import Profile

CODECS: Final = MappingProxyType[str, type[Codec]](
    {"openearable": OpenEarable, "polar_delta": PolarDelta}
)


def codec_named(name: str, profile: Profile) -> type[Codec]:
    """The codec of that name; raises ProfileError where there is none."""
    if name in CODECS:
        return CODECS[name]
    near = difflib.get_close_matches(name, CODECS, 1)
    hint = f"perhaps {near[0]!r} is meant" if near else f"there is {', '.join(CODECS)}"
    raise ProfileError(
        ProfileFault.INVALID,
        f"{profile.id}: there is no codec {name!r}; {hint}.",
        path=profile.id,
        field="codec.name",
    )
