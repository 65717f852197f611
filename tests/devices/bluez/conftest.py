"""BlueZ is Linux's; elsewhere bleak does not even bring what these tests import."""

import sys

collect_ignore = [] if sys.platform == "linux" else ["test_bluez.py"]
