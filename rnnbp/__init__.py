"""Recurrent backpropagation through time on the CPU."""
