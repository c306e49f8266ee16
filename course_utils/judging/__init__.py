"""The machinery behind `check`: run an answer safely, observe it, compare, say what was found.

Nothing here is taught; `course_utils.exercise` is the part to read.
"""
