"""From vectors to people: matching, grouping, references."""
