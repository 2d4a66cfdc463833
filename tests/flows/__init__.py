"""Acceptance tests of flows, written against the public face alone."""
