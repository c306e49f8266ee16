"""Exercises on web pages: forms that answer as `check` does, without a kernel or a network."""
