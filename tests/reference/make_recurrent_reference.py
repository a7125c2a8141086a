"""Make recurrent_reference.npz: outputs, final states and gradients of recurrent networks, computed by PyTorch.

Run as ``python tests/reference/make_recurrent_reference.py``. The tests read the file and need no PyTorch.

The names are rnnbp's, so the correspondence is spelt out here, and only here: weights are PyTorch's transposed, and
the one bias of Elman and LSTM is the sum of PyTorch's two. Given numbers are multiples of 1/64, which compress well.
"""

from pathlib import Path

import numpy as np
import torch

T, B, I, H = 6, 4, 3, 4  # noqa: E741
LENGTHS = {"ragged": [3, 6, 1, 6], "rectangular": [6, 6, 6, 6]}
CELLS = {
    "elman_tanh": (torch.nn.RNN, {"nonlinearity": "tanh"}, 1),
    "elman_relu": (torch.nn.RNN, {"nonlinearity": "relu"}, 1),
    "lstm": (torch.nn.LSTM, {}, 4),
    "gru": (torch.nn.GRU, {}, 3),
}
random = np.random.default_rng(20)


def numbers(*shape):
    """Return random multiples of 1/64 between -1 and 1."""
    return random.integers(-64, 65, shape) / 64.0


def given(name, n_gates, n_layers, suffixes):
    """Return random parameters, input, initial states and cotangents."""
    states = [
        f"{k}.{state}{s}" for k in range(n_layers) for s in suffixes for state in ("hc" if name == "lstm" else "h")
    ]
    arrays = {"x": numbers(T, B, I), "d_output": numbers(T, B, H * len(suffixes))}
    for state in states:
        arrays[f"initial/{state}"], arrays[f"d_final/{state}"] = numbers(B, H), numbers(B, H)
    for k in range(n_layers):
        for s in suffixes:
            arrays[f"parameter/{k}.input_weight{s}"] = numbers(I if k == 0 else H * len(suffixes), n_gates * H)
            arrays[f"parameter/{k}.recurrent_weight{s}"] = numbers(H, n_gates * H)
            arrays[f"parameter/{k}.bias{s}"] = numbers(n_gates * H)
            if name == "gru":
                arrays[f"parameter/{k}.recurrent_bias{s}"] = numbers(n_gates * H)
    return arrays


def compute(name, arrays, lengths, n_layers, suffixes):
    """Return what PyTorch makes of them."""
    kind, options, _ = CELLS[name]
    module = kind(I, H, num_layers=n_layers, bidirectional=len(suffixes) == 2, **options).double()
    theirs = {}  # of each of our parameters: PyTorch's, and whether it is transposed
    for k in range(n_layers):
        for s in suffixes:
            theirs[f"{k}.input_weight{s}"] = getattr(module, f"weight_ih_l{k}{s}"), True
            theirs[f"{k}.recurrent_weight{s}"] = getattr(module, f"weight_hh_l{k}{s}"), True
            theirs[f"{k}.bias{s}"] = getattr(module, f"bias_ih_l{k}{s}"), False
            theirs[f"{k}.recurrent_bias{s}"] = getattr(module, f"bias_hh_l{k}{s}"), False
    with torch.no_grad():
        for ours, (tensor, transposed) in theirs.items():
            values = arrays.get(f"parameter/{ours}", np.zeros(tensor.shape))
            tensor.copy_(torch.tensor(values.T if transposed else values))

    def stacked(group, state):
        """Return the arrays of one state as PyTorch joins them: of each layer, forward and backward."""
        return np.stack([arrays[f"{group}/{k}.{state}{s}"] for k in range(n_layers) for s in suffixes])

    x = torch.tensor(arrays["x"], requires_grad=True)
    names = "hc" if name == "lstm" else "h"
    initial = [torch.tensor(stacked("initial", state), requires_grad=True) for state in names]
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    output, final = module(packed, tuple(initial) if name == "lstm" else initial[0])
    output, _ = torch.nn.utils.rnn.pad_packed_sequence(output)
    final = final if name == "lstm" else (final,)
    value = (output * torch.tensor(arrays["d_output"])).sum()
    value = value + sum(
        (f * torch.tensor(stacked("d_final", state))).sum() for state, f in zip(names, final, strict=True)
    )
    value.backward()

    results = {"output": output.detach().numpy(), "d_x": x.grad.numpy()}
    places = [f"{k}.{{}}{s}" for k in range(n_layers) for s in suffixes]
    for state, start, end in zip(names, initial, final, strict=True):
        for place, d_start, value in zip(places, start.grad.numpy(), end.detach().numpy(), strict=True):
            results[f"d_initial/{place.format(state)}"] = d_start
            results[f"final/{place.format(state)}"] = value
    for ours, (tensor, transposed) in theirs.items():
        if f"parameter/{ours}" in arrays:
            gradient = tensor.grad.numpy()
            results[f"d_parameter/{ours}"] = gradient.T if transposed else gradient
    return results


if __name__ == "__main__":
    reference = {}
    for name, (_, _, n_gates) in CELLS.items():
        for n_layers, layout in ((1, "one_layer"), (2, "stacked")):
            for suffixes, direction in (([""], "forwards"), (["", "_reverse"], "both_ways")):
                for which, lengths in LENGTHS.items():
                    if which == "rectangular" and (n_layers, direction) != (1, "forwards"):
                        continue
                    case = f"{name}-{layout}-{direction}-{which}"
                    arrays = given(name, n_gates, n_layers, suffixes)
                    results = compute(name, arrays, lengths, n_layers, suffixes)
                    reference |= {f"{case}:{key}": array for key, array in (arrays | results).items()}
                    reference[f"{case}:lengths"] = np.array(lengths)
    np.savez_compressed(Path(__file__).with_name("recurrent_reference.npz"), **reference)
