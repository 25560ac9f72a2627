"""Writes optimisers.json and schedules.json beside this file: python make_goldens.py

The optimisers and schedules are PyTorch's; the few that PyTorch lacks are written out in NumPy
from their formulas. "config" is what our own settings look like in JSON.

The gradient is that of a quadratic bowl with ripples that move, g_i(t, w) = a_i (w_i - c_i)
+ 0.3 sin(3 w_i + 0.1 t), in double precision, rounded to float32 once.
"""

import json
import math
import pathlib

import numpy as np
import torch

N, STEPS, EVERY = 12, 100, 10
I = np.arange(N, dtype=np.float64)
A, C = 0.2 + 0.15 * I, np.cos(2.0 * I)
W0 = np.sin(I + 1.0).astype(np.float32)


def gradient(t, w):
    w = w.astype(np.float64)
    return (A * (w - C) + 0.3 * np.sin(3.0 * w + 0.1 * t)).astype(np.float32)


def trajectory(step, w, lrs):
    """Weights after every tenth step; step(t, w, g, lr) gives the next weights."""
    points = []
    for t in range(STEPS):
        w = step(t, w, gradient(t, w), lrs[t])
        if (t + 1) % EVERY == 0:
            points.append([float(x) for x in w])
    return points


def by_torch(make, lrs, shrink=0.0):
    p = torch.nn.Parameter(torch.tensor(W0.copy()))
    optimiser = make([p], lrs[0])

    def step(t, w, g, lr):
        for group in optimiser.param_groups:
            group["lr"] = lr
        with torch.no_grad():
            p.mul_(1.0 - lr * shrink)
        p.grad = torch.tensor(g)
        optimiser.step()
        return p.detach().numpy().copy()

    return trajectory(step, W0.copy(), lrs)


def adagrad_inside(lr, eps):
    """Lasagne: w -= lr g / sqrt(acc + eps)."""
    acc = np.zeros(N, np.float32)

    def step(t, w, g, lr):
        acc[:] += g * g
        return w - np.float32(lr) * g / np.sqrt(acc + np.float32(eps))

    return trajectory(step, W0.copy(), [lr] * STEPS)


def rmsprop_inside(lr, alpha, eps):
    """Lasagne and TensorFlow: w -= lr g / sqrt(acc + eps)."""
    acc = np.zeros(N, np.float32)

    def step(t, w, g, lr):
        acc[:] = np.float32(alpha) * acc + np.float32(1 - alpha) * g * g
        return w - np.float32(lr) * g / np.sqrt(acc + np.float32(eps))

    return trajectory(step, W0.copy(), [lr] * STEPS)


def heavy_ball_inside(lrs, mu):
    """Goyal et al., equation 10, uncorrected: v = mu v + lr g, w -= v."""
    v = np.zeros(N, np.float32)

    def step(t, w, g, lr):
        v[:] = np.float32(mu) * v + np.float32(lr) * g
        return w - v

    return trajectory(step, W0.copy(), lrs)


def optimisers():
    cases = []

    def case(name, config, points, lrs=None):
        cases.append({"name": name, "config": config, "lrs": lrs, "points": points})

    def torch_case(name, config, make, shrink=0.0, lrs=None):
        points = by_torch(make, lrs or [config["lr"]] * STEPS, shrink)
        case(name, config, points, lrs)

    sgd, adam, adagrad, rmsprop = (
        torch.optim.SGD, torch.optim.Adam, torch.optim.Adagrad, torch.optim.RMSprop)
    ball = lambda mu, form="rate_outside": {"heavy_ball": {"mu": mu, "form": form}}
    # Up by a factor and down again, as a warm-up and a milestone do.
    moving = [0.01] * 20 + [0.05] * 40 + [0.005] * 40

    torch_case("sgd", {"rule": "sgd", "lr": 0.05}, lambda p, lr: sgd(p, lr))
    torch_case("sgd l2", {"rule": "sgd", "lr": 0.05, "weight_decay": {"l2": 0.1}},
               lambda p, lr: sgd(p, lr, weight_decay=0.1))
    torch_case("heavy ball", {"rule": "sgd", "lr": 0.02, "momentum": ball(0.9)},
               lambda p, lr: sgd(p, lr, momentum=0.9))
    torch_case("heavy ball l2 dampening",
               {"rule": "sgd", "lr": 0.05, "momentum": ball(0.8), "dampening": 0.5,
                "weight_decay": {"l2": 0.05}},
               lambda p, lr: sgd(p, lr, momentum=0.8, dampening=0.5, weight_decay=0.05))
    torch_case("heavy ball decoupled",
               {"rule": "sgd", "lr": 0.02, "momentum": ball(0.9), "weight_decay": {"decoupled": 0.1}},
               lambda p, lr: sgd(p, lr, momentum=0.9), shrink=0.1)
    torch_case("nesterov l2",
               {"rule": "sgd", "lr": 0.02, "momentum": {"nesterov": 0.9}, "weight_decay": {"l2": 0.01}},
               lambda p, lr: sgd(p, lr, momentum=0.9, nesterov=True, weight_decay=0.01))
    torch_case("heavy ball, moving rate", {"rule": "sgd", "lr": 0.01, "momentum": ball(0.9)},
               lambda p, lr: sgd(p, lr, momentum=0.9), lrs=moving)
    torch_case("heavy ball inside, corrected, moving rate",
               {"rule": "sgd", "lr": 0.01, "momentum": ball(0.9, "rate_inside_corrected")},
               lambda p, lr: sgd(p, lr, momentum=0.9), lrs=moving)
    case("heavy ball inside, moving rate",
         {"rule": "sgd", "lr": 0.01, "momentum": ball(0.9, "rate_inside")},
         heavy_ball_inside(moving, 0.9), moving)

    torch_case("adam", {"rule": "adam", "lr": 0.02}, lambda p, lr: adam(p, lr))
    torch_case("adam l2 betas",
               {"rule": "adam", "lr": 0.02, "beta1": 0.5, "beta2": 0.9, "eps": 1e-4,
                "weight_decay": {"l2": 0.1}},
               lambda p, lr: adam(p, lr, betas=(0.5, 0.9), eps=1e-4, weight_decay=0.1))
    torch_case("amsgrad", {"rule": "adam", "lr": 0.02, "beta2": 0.9, "amsgrad": True},
               lambda p, lr: adam(p, lr, betas=(0.9, 0.9), amsgrad=True))
    torch_case("adamw", {"rule": "adam", "lr": 0.02, "weight_decay": {"decoupled": 0.1}},
               lambda p, lr: torch.optim.AdamW(p, lr, weight_decay=0.1))

    torch_case("adagrad", {"rule": "adagrad", "lr": 0.1}, lambda p, lr: adagrad(p, lr))
    torch_case("adagrad everything",
               {"rule": "adagrad", "lr": 0.1, "lr_decay": 0.02, "initial_accumulator": 0.3, "eps": 1e-3,
                "weight_decay": {"l2": 0.1}},
               lambda p, lr: adagrad(p, lr, lr_decay=0.02, initial_accumulator_value=0.3, eps=1e-3,
                                     weight_decay=0.1))
    case("adagrad inside",
         {"rule": "adagrad", "lr": 0.05, "eps": 1e-2, "eps_placement": "inside"},
         adagrad_inside(0.05, 1e-2))

    torch_case("rmsprop", {"rule": "rmsprop", "lr": 0.01}, lambda p, lr: rmsprop(p, lr))
    torch_case("rmsprop momentum l2",
               {"rule": "rmsprop", "lr": 0.005, "alpha": 0.9, "momentum": 0.5,
                "weight_decay": {"l2": 0.1}},
               lambda p, lr: rmsprop(p, lr, alpha=0.9, momentum=0.5, weight_decay=0.1))
    torch_case("rmsprop centered", {"rule": "rmsprop", "lr": 0.005, "centered": True, "eps": 1e-2},
               lambda p, lr: rmsprop(p, lr, centered=True, eps=1e-2))
    torch_case("rmsprop centered momentum",
               {"rule": "rmsprop", "lr": 0.002, "centered": True, "momentum": 0.8, "eps": 1e-2},
               lambda p, lr: rmsprop(p, lr, centered=True, momentum=0.8, eps=1e-2))
    case("rmsprop inside",
         {"rule": "rmsprop", "lr": 0.01, "eps": 1e-2, "eps_placement": "inside"},
         rmsprop_inside(0.01, 0.99, 1e-2))
    return cases


def schedules():
    s = torch.optim.lr_scheduler
    cases = []

    def case(name, config, *make, steps=40):
        optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=config["base_lr"])
        scheduler = s.ChainedScheduler([m(optimiser) for m in make])
        rates = []
        for _ in range(steps):
            rates.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
            scheduler.step()
        cases.append({"name": name, "config": config, "rates": rates})

    constant = lambda o: s.LambdaLR(o, lambda t: 1.0)
    case("constant", {"base_lr": 0.3}, constant)
    milestones = {"milestones": {"at": [7, 8, 25], "gamma": 0.1}}
    case("milestones", {"base_lr": 0.3, "decay": milestones},
         lambda o: s.MultiStepLR(o, [7, 8, 25], 0.1))
    case("every", {"base_lr": 0.3, "decay": {"every": {"every": 6, "gamma": 0.5}}},
         lambda o: s.StepLR(o, 6, 0.5))
    case("exponential", {"base_lr": 0.3, "decay": {"exponential": {"gamma": 0.93}}},
         lambda o: s.ExponentialLR(o, 0.93))
    case("cosine", {"base_lr": 0.3, "decay": {"cosine": {"steps": 39, "floor": 0.1}}},
         lambda o: s.CosineAnnealingLR(o, 39, eta_min=0.03))
    case("linear warm-up", {"base_lr": 3.2, "warmup": {"linear": {"steps": 5, "from": 0.03125}}},
         lambda o: s.LinearLR(o, 0.03125, 1.0, 5))
    case("constant warm-up and milestones",
         {"base_lr": 0.3, "decay": milestones, "warmup": {"constant": {"steps": 5, "factor": 0.25}}},
         lambda o: s.ConstantLR(o, 0.25, 5), lambda o: s.MultiStepLR(o, [7, 8, 25], 0.1))
    case("linear warm-up and exponential",
         {"base_lr": 0.3, "decay": {"exponential": {"gamma": 0.93}},
          "warmup": {"linear": {"steps": 8, "from": 0.1}}},
         lambda o: s.LinearLR(o, 0.1, 1.0, 8), lambda o: s.ExponentialLR(o, 0.93))
    return cases


def write(name, cases):
    lines = ",\n".join(json.dumps(case) for case in cases)
    path = pathlib.Path(__file__).parent / name
    path.write_text(f"[\n{lines}\n]\n")
    print(path.name, path.stat().st_size, "bytes")


def shorten(cases):
    """Nine digits carry a float32."""
    for case in cases:
        assert all(math.isfinite(x) for row in case["points"] for x in row), case["name"]
        case["points"] = [[float(f"{x:.9g}") for x in row] for row in case["points"]]
    return cases


write("optimisers.json", shorten(optimisers()))
write("schedules.json", schedules())
