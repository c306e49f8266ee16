"""Exercise of workbook 00: how answering works."""

from course_utils.exercise import exercise, mistake


@exercise(
    "0.1",
    "Count the pixels",
    minutes=1,
    kind="value",
    mistakes={
        "added-height-width": mistake(
            "You added height and width. Every one of the 28 rows has 28 pixels of its own.",
            28 + 28,
        ),
        "length-border-pixels": mistake(
            "That is the length of the border. The pixels inside count as well.", 4 * 28 - 4
        ),
        "colour-image-three": mistake(
            "That is a colour image: three numbers for every pixel. A grey one has one.",
            3 * 28 * 28,
        ),
    },
    hints=[
        "How many pixels does one row have, and how many rows are there?",
        "Rows times pixels per row: let Python multiply the two.",
    ],
)
def pixels():
    """How many pixels a grey image of 28 rows and 28 columns has."""
    return 28 * 28
