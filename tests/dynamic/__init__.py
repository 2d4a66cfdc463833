"""Tests of dynamic nodes: ordinary asyncio that survives the process."""
