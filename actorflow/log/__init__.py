"""The event log: the port, the codec, SQLite, memory."""
