"""What the workbooks share: data, plots, exercises, figures. Importing it does no work."""

__version__ = "0.1.0"
