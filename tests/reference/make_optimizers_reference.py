"""Write optimizers_reference.json: 20 steps of PyTorch's optimizers, and values of its schedules.

Run it with PyTorch installed: python tests/reference/make_optimizers_reference.py.
The tests only read the file.
"""

import json
from pathlib import Path

import torch
from torch import optim
from torch.optim import lr_scheduler

STEPS = 20
START = [-1.2, 1.0, 0.5, -0.3, 0.8, 1.5]
SCALES = [0.1, 0.5, 1.0, 2.0, 4.0, 8.0]

# our name and settings, PyTorch's class and settings
OPTIMIZERS = [
    ("sgd", {"learning_rate": 1e-3}, optim.SGD, {"lr": 1e-3}),
    ("sgd", {"learning_rate": 1e-3, "momentum": 0.9}, optim.SGD, {"lr": 1e-3, "momentum": 0.9}),
    (
        "sgd",
        {"learning_rate": 1e-3, "momentum": 0.9, "nesterov": True},
        optim.SGD,
        {"lr": 1e-3, "momentum": 0.9, "nesterov": True},
    ),
    ("rmsprop", {"learning_rate": 1e-2}, optim.RMSprop, {"lr": 1e-2}),
    (
        "rmsprop",
        {"learning_rate": 1e-3, "rho": 0.9, "momentum": 0.5, "centered": True, "epsilon": 1e-4},
        optim.RMSprop,
        {"lr": 1e-3, "alpha": 0.9, "momentum": 0.5, "centered": True, "eps": 1e-4},
    ),
    ("adam", {"learning_rate": 1e-2}, optim.Adam, {"lr": 1e-2}),
    (
        "adam",
        {"learning_rate": 5e-2, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3},
        optim.Adam,
        {"lr": 5e-2, "betas": (0.8, 0.95), "eps": 1e-3},
    ),
    ("adamw", {"learning_rate": 1e-2, "weight_decay": 0.3}, optim.AdamW, {"lr": 1e-2, "weight_decay": 0.3}),
    ("rprop", {"learning_rate": 1e-2}, optim.Rprop, {"lr": 1e-2}),
    (
        "rprop",
        {"learning_rate": 0.0717, "increase": 1.53, "decrease": 0.31, "min_step": 1e-2, "max_step": 0.2},
        optim.Rprop,
        {"lr": 0.0717, "etas": (0.31, 1.53), "step_sizes": (1e-2, 0.2)},
    ),
]


def quadratic(theta: torch.Tensor) -> torch.Tensor:
    return 0.5 * (torch.tensor(SCALES, dtype=theta.dtype) * theta**2).sum()


def rosenbrock(theta: torch.Tensor) -> torch.Tensor:
    return (100 * (theta[1:] - theta[:-1] ** 2) ** 2 + (1 - theta[:-1]) ** 2).sum()


def trajectory(make, settings: dict, problem) -> list[list[float]]:
    theta = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = make([theta], **settings)
    points = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        problem(theta).backward()
        optimizer.step()
        points.append(theta.tolist())
    return points


def rates(make, epochs: int, metrics: list[float] | None = None, rate: float = 0.1) -> list[float]:
    optimizer = optim.SGD([torch.zeros(1)], lr=rate)
    schedule = make(optimizer)
    values = []
    for epoch in range(epochs):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step(*([] if metrics is None else [metrics[epoch]]))
    return values


METRICS = [
    1.0,
    0.5,
    0.50001,
    0.6,
    0.49999,
    0.7,
    0.3,
    0.4,
    0.4,
    0.4,
    0.4,
    0.4,
    0.4,
    0.4,
    0.2,
    0.25,
    0.25,
    0.25,
    0.2,
    0.2,
]
CYCLE = 100  # epochs; PyTorch counts 101 steps, and ends the rise one step early

reference = {
    "start": START,
    "scales": SCALES,
    "optimizers": [
        {
            "name": name,
            "settings": settings,
            "problem": problem.__name__,
            "trajectory": trajectory(make, theirs, problem),
        }
        for name, settings, make, theirs in OPTIMIZERS
        for problem in (quadratic, rosenbrock)
    ],
    "schedules": {
        "step": {
            "settings": {"rate": 0.1, "every": 7, "factor": 0.3},
            "rates": rates(lambda o: lr_scheduler.StepLR(o, step_size=7, gamma=0.3), 30),
        },
        "cosine": {
            "settings": {"rate": 0.1, "epochs": 25, "final": 0.001},
            "rates": rates(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=25, eta_min=0.001), 26),
        },
        "one_cycle": {
            "settings": {
                "peak": 0.1,
                "epochs": CYCLE,
                "pct_start": 0.3,
                "div_factor": 10.0,
                "final_div_factor": 100.0,
            },
            "rates": rates(
                lambda o: lr_scheduler.OneCycleLR(
                    o,
                    max_lr=0.1,
                    total_steps=CYCLE + 1,
                    pct_start=(0.3 * CYCLE + 1) / (CYCLE + 1),
                    div_factor=10.0,
                    final_div_factor=100.0,
                ),
                CYCLE,
            ),
        },
        "warm_up": {
            "settings": {"rate": 0.1, "epochs": 8, "start": 0.2},
            "rates": rates(lambda o: lr_scheduler.LinearLR(o, start_factor=0.2, total_iters=8), 12),
        },
        "reduce_on_plateau": {
            "settings": {"rate": 0.1, "factor": 0.5, "patience": 2, "threshold": 1e-3, "min_rate": 0.02},
            "metrics": METRICS,
            "rates": rates(
                lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=2, threshold=1e-3, min_lr=0.02),
                len(METRICS),
                METRICS,
            ),
        },
    },
}
Path(__file__).with_name("optimizers_reference.json").write_text(json.dumps(reference) + "\n")
