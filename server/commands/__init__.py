"""Commands of `gonio` that are not in `server.cli`, one module a group.

A command reads options and shows what comes out; what does the work is elsewhere.
"""
