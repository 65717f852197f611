"""Sensors that no packet layout can describe, one module each; `known` lists them."""
