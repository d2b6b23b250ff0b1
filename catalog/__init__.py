"""The catalog: one SQLite file, its schema, its rules and its pages. Knows no model and no picture
format.
"""
