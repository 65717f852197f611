"""What all tests share: hypothesis draws the same examples each time, so that a failure is the
change's doing. HYPOTHESIS_PROFILE=explore searches further.
"""

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
