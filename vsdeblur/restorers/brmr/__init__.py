"""Adversarial BRMR (paper 000) on tensors: the loop, its critic, its windows."""
