"""Between front ends and restorers: planes and pictures as tensors, on the device and back."""
