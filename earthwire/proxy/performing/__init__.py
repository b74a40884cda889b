"""Performing a plan: where a decision becomes bytes, waits and resets."""
