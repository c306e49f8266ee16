"""What the workbooks share: data, plots, exercises, figures. Importing it does no work."""

__version__ = "2.0.0"
