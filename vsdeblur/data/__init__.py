"""What training and evaluation both read: photos, datasets, kernels, and PSNR."""
