"""How fast the library is, beside what a user would pick instead; ``python -m benchmarks`` measures all.

How it is measured
------------------
- Contestants of a race do the same task. Each has a process of its own, so that no framework's threads, allocator or
  BLAS is in another's way, and the processes take turns: in a round each has one turn, and the order is rotated from
  round to round. Threads of OpenMP, OpenBLAS and XLA go on spinning for milliseconds after their work, so a turn ends
  only when its process uses no more processor time (`timing.settle`); within a turn a framework's threads stay warm.
- A turn's time is the median of its calls. A ratio is the median, over the rounds, of the ratios within a round: what
  slows the whole machine for a while slows both sides of a pair.
- Before they are timed the contestants' results are compared: same parameters, same inputs, and outputs, the gradients
  of all parameters and those of the inputs equal to 1e-5 (of the array's Euclidean norm). Who differs is not timed.
- The peers are PyTorch and JAX, in inference and streams ONNX Runtime too, and scikit-learn for perceptrons.
- Denormal inputs are put over normal ones within each contestant's own process; a plain product of such numbers tells
  whether this processor is slower with them at all.
- A first fit in a fresh process is put over a process that does ``import torch``, the two by turns (`startup`).
- The machine's peak is OpenBLAS's sgemm of 2048 x 2048 on the same number of threads, a contestant like others.
- Peak memory is what a contestant's resident memory grows by in its first call, everything being loaded and compiled
  before; parameters, inputs and the gradient of the output are there already.

What is counted
---------------
GFLOP/s count the multiplications and additions of the matrix products, and nothing else. For G gates::

    inference       2 R G H (I + H)        R: the real frames, T B without padding
    training step   three times that: forwards, gradients of the sources, gradients of the weights

What a training step stores is ``R (sum of block widths + sum of variable widths)`` numbers (`rnnbp.cells.cell`):
2 H of them a frame for Elman, 5 H for GRU, 6 H for LSTM.

Results
-------
A run writes ``results/latest.json`` and ``.png``, which are not committed; a whole one with ``--save`` also
``results/speed.json`` and ``.png``, which are. ``--check results/speed.json`` compares a later run with them, ratio by
ratio (`check`).
"""
