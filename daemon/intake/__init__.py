"""What happens to a file before its faces are looked for: seen, settled, probed, decoded."""
