"""Bytes that change in a log: what is said of it, and what is never said."""
