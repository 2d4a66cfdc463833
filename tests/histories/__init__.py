"""Logs that earlier versions have written, and that every later one goes on with."""
