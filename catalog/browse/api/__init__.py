"""The pages' and other programs' way in: JSON over HTTP, described in `openapi.json`."""
