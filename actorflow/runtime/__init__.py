"""The engine: executions, branches and activities as actors on a log."""
