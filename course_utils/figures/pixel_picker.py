"""Pick a pixel of a colour image: where its three numbers live in memory (workbook 01)."""

from __future__ import annotations

import torch
import traitlets

from course_utils.figures import Figure, Numbers, check_index


class PixelPicker(Figure):
    """Point at a pixel; read its index, its stride arithmetic and its value in each plane.

    Parameters
    ----------
    image : (3, H, W) whole numbers 0 to 255, or floats in [0, 1], which are rounded to them.
    channel, row, column : the number that is picked.

    Raises
    ------
    traitlets.TraitError
        If the image has another shape or range, or the position lies outside it.
    """

    image = Numbers(axes=3).tag(sync=True)
    channel = traitlets.Int(0).tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)

    def __init__(self, image, channel: int = 0, row: int = 0, column: int = 0, **traits):
        if getattr(image, "dtype", None) is not None and "float" in str(image.dtype):
            image = (torch.as_tensor(image) * 255).round()
        super().__init__(image=image, channel=channel, row=row, column=column, **traits)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the image."""
        return len(self.image), len(self.image[0]), len(self.image[0][0])

    @traitlets.validate("image")
    def _check_image(self, proposal):
        image = torch.tensor(proposal.value, dtype=torch.float64)
        if len(image) != 3:
            raise traitlets.TraitError(f"image must have shape (3, H, W), got {tuple(image.shape)}")
        if image.min() < 0 or image.max() > 255 or (image % 1).any():
            raise traitlets.TraitError(
                "image must hold whole numbers from 0 to 255 (or a float tensor in [0, 1]); "
                f"got values from {image.min():g} to {image.max():g}"
            )
        return proposal.value

    @traitlets.validate("channel", "row", "column")
    def _check_position(self, proposal):
        axis = ("channel", "row", "column").index(proposal.trait.name)
        return check_index(proposal, self.shape[axis])

    @traitlets.observe("image")
    def _clamp_position(self, change):
        _, height, width = self.shape
        self.row, self.column = min(self.row, height - 1), min(self.column, width - 1)

    def numbers(self) -> dict:
        """Position, values, and the index in both layouts, from the tensors' own strides."""
        image = torch.tensor(self.image, dtype=torch.uint8)
        last = image.permute(1, 2, 0).contiguous()
        position, channel_last = (
            (self.channel, self.row, self.column),
            (self.row, self.column, self.channel),
        )
        value = image[position].item()
        return {
            "position": list(position),
            "value": value,
            "scaled": value / 255,
            "planes": image[:, self.row, self.column].tolist(),
            "strides_nchw": [image.numel(), *image.stride()],
            "index_nchw": sum(i * s for i, s in zip(position, image.stride(), strict=True)),
            "strides_hwc": list(last.stride()),
            "index_hwc": sum(i * s for i, s in zip(channel_last, last.stride(), strict=True)),
        }

    @classmethod
    def example(cls) -> PixelPicker:
        """Build a 3 × 5 × 7 image of different numbers."""
        return cls((torch.arange(105) * 37 % 256).reshape(3, 5, 7), row=2, column=3)
