"""What Rollcall does, measured on real photographs: `python -m benchmarks.NAME`."""
