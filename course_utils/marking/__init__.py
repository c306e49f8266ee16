"""Marking a class: submissions, the jail they run in, grades, feedback and the class's report."""
