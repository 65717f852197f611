"""Accuracy and speed, measured beside peers in the same run: `python -m benchmarks`.

Scores the engine on public recordings and converts those to the recording layout. Nothing in the
product imports this package.
"""
