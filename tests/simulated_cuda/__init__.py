"""A CUDA device simulated on the CPU, which finds races between streams."""
