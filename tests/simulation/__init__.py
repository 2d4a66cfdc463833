"""Tests of the simulation, and of the runtime by it."""
