"""The tutor's side: editions, executed notebooks, pages. Never imported by a notebook."""
