"""One module per workbook: model answers, cases, mistakes and hints.

Every module here is found by itself; CONTRIBUTING.md shows how to add an exercise.
"""
