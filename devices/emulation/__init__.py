"""Sensors that exist in memory only: the air between radios, and peripherals that play motion.

What stands here is reached through bleak like any sensor; `devices.adapter` opens the way to it.
"""
