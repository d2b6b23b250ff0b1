"""Fetching videos from addresses, where a person switched it on."""
