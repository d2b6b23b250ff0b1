"""Videos: from a span of time to who is seen in it, when and where."""
