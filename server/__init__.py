"""What people and programs meet: the command line, replays, reports and the demo.

Joins `motion` and `devices`; holds no mathematics and no file layout of its own.
"""
