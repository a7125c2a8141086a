"""Make layer_norm_zoneout_reference.npz: layer-normalised LSTM and GRU and zoneout, computed by PyTorch.

Run as ``python tests/reference/make_layer_norm_zoneout_reference.py``. The tests read the file and need no PyTorch.

PyTorch has no such cells, so the papers' equations are written out here, one sequence and one step at a time, with
PyTorch's `layer_norm`; the gradients are autograd's, in float64. Names are rnnbp's. Given numbers are multiples of
1/64, which compress well. For zoneout the draws are given: True where a unit keeps its previous value.

J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", 2016.
D. Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden activations", ICLR 2017.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import layer_norm

T, B, I, H = 6, 4, 3, 5  # noqa: E741
LENGTHS = [3, 6, 1, 6]
RATES = {"h": 0.25, "c": 0.5}
GATES = {"lstm": 4, "gru": 3}
random = np.random.default_rng(21)


def numbers(*shape):
    """Return random multiples of 1/64 between -1 and 1."""
    return random.integers(-64, 65, shape) / 64.0


def normalised(a, gain):
    return layer_norm(a, a.shape, weight=gain)


def plain(a, gain):
    return a


def lstm_step(p, x, state, norm):
    h, c = state["h"], state["c"]
    z = norm(x @ p["input_weight"], p.get("input_gain")) + norm(h @ p["recurrent_weight"], p.get("recurrent_gain"))
    z_i, z_f, z_g, z_o = torch.chunk(z + p["bias"], 4)
    new_c = torch.sigmoid(z_f) * c + torch.sigmoid(z_i) * torch.tanh(z_g)
    seen = norm(new_c, p.get("cell_gain")) + p.get("cell_bias", 0.0)
    return {"h": torch.sigmoid(z_o) * torch.tanh(seen), "c": new_c}


def gru_step(p, x, state, norm):
    h = state["h"]
    r_x, z_x, n_x = torch.chunk(norm(x @ p["input_weight"], p.get("input_gain")) + p["bias"], 3)
    r_h, z_h, n_h = torch.chunk(norm(h @ p["recurrent_weight"], p.get("recurrent_gain")) + p["recurrent_bias"], 3)
    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    return {"h": (1 - z) * torch.tanh(n_x + r * n_h) + z * h}


def given(name, layer_norm):
    """Return random parameters, input, initial states, cotangents and draws."""
    gates, states = GATES[name], "hc" if name == "lstm" else "h"
    shapes = {"input_weight": (I, gates * H), "recurrent_weight": (H, gates * H), "bias": (gates * H,)}
    if name == "gru":
        shapes["recurrent_bias"] = (gates * H,)
    if layer_norm:
        shapes |= {"input_gain": (gates * H,), "recurrent_gain": (gates * H,)}
        if name == "lstm":
            shapes |= {"cell_gain": (H,), "cell_bias": (H,)}
    arrays = {f"parameter/{parameter}": numbers(*shape) for parameter, shape in shapes.items()}
    arrays |= {"x": numbers(T, B, I), "d_output": numbers(T, B, H)}
    for state in states:
        arrays[f"initial/{state}"], arrays[f"d_final/{state}"] = numbers(B, H), numbers(B, H)
        arrays[f"kept/{state}"] = random.random((T, B, H)) < RATES[state]
    return arrays


def compute(name, arrays, layer_norm, zoneout):
    """Return what PyTorch makes of them; `zoneout` is None, "training" or "use"."""
    leaves = {
        key: torch.tensor(a, requires_grad=True)
        for key, a in arrays.items()
        if key == "x" or key.startswith(("parameter/", "initial/"))
    }
    parameters = {key.removeprefix("parameter/"): leaf for key, leaf in leaves.items()}
    step = {"lstm": lstm_step, "gru": gru_step}[name]
    states = [key.removeprefix("initial/") for key in leaves if key.startswith("initial/")]
    output, final, value = np.zeros((T, B, H)), {state: np.zeros((B, H)) for state in states}, 0.0
    for b, length in enumerate(LENGTHS):
        state = {key: leaves[f"initial/{key}"][b] for key in states}
        for t in range(length):
            new = step(parameters, leaves["x"][t, b], state, normalised if layer_norm else plain)
            for key in states:
                if zoneout == "training":
                    new[key] = torch.where(torch.tensor(arrays[f"kept/{key}"][t, b]), state[key], new[key])
                elif zoneout == "use":
                    new[key] = RATES[key] * state[key] + (1 - RATES[key]) * new[key]
            state = new
            output[t, b] = state["h"].detach().numpy()
            value = value + (state["h"] * torch.tensor(arrays["d_output"][t, b])).sum()
        for key in states:
            final[key][b] = state[key].detach().numpy()
            value = value + (state[key] * torch.tensor(arrays[f"d_final/{key}"][b])).sum()
    value.backward()
    results = {"output": output} | {f"final/{key}": a for key, a in final.items()}
    return results | {f"d_{key}": leaf.grad.numpy() for key, leaf in leaves.items()}


if __name__ == "__main__":
    reference = {"lengths": np.array(LENGTHS)}
    for name in GATES:
        for layer_norm_on, zoneout in ((True, None), (False, "training"), (False, "use"), (True, "training")):
            case = f"{name}-{'layer_norm' if layer_norm_on else 'plain'}-{zoneout or 'no_zoneout'}"
            arrays = given(name, layer_norm_on)
            results = compute(name, arrays, layer_norm_on, zoneout)
            if zoneout != "training":
                arrays = {key: a for key, a in arrays.items() if not key.startswith("kept/")}
            reference |= {f"{case}:{key}": array for key, array in (arrays | results).items()}
    np.savez_compressed(Path(__file__).with_name("layer_norm_zoneout_reference.npz"), **reference)
