"""What Rollcall knows, written down for programs and people beside it."""
