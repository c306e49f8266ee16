"""What is made of the workbooks: executed editions, pages, slides, the site, contact sheets."""
