"""Sessions that are going on: over sensors of this machine, or over packets that a client sends.

What a finished session is replayed or reported with lives outside.
"""
