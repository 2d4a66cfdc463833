"""An actor system on Pykka: pooled actors, supervision, timers, event sourcing.

It knows nothing of workflows and can be used by itself.
"""
