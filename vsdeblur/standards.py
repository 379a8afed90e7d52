"""Numbers of ITU-R standards that several rooms need: what luma is made of."""

from __future__ import annotations

__all__ = ["BT601", "BT709", "BT2020"]

BT601 = (0.299, 0.587, 0.114)
"""Shares of R, G and B in luma, BT.601: of pictures, small video and all training."""
BT709 = (0.2126, 0.7152, 0.0722)
"""The same, BT.709: of HD video."""
BT2020 = (0.2627, 0.6780, 0.0593)
"""The same, BT.2020: of UHD and HDR video."""
