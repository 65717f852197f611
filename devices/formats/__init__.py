"""Files in which other programs keep samples, one module a format.

A format reads; which files make a recording, their clocks and units are up to `devices.importing`.
What Gonio itself writes is read and written by `devices.recording`.
"""
