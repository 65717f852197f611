"""One YAML file a sensor model, and the schema that reads them; nothing else.

What a packet's bytes mean is described here; decoding them is the business of `devices`.
"""
