"""Graphs of stated and denied statements: their files, their splits, and the facts that constructors need."""
