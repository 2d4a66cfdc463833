"""Tests of executions that run others."""
