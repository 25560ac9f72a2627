"""Makes hinge.json and cross_entropy.json: twenty steps of a small diffusion-convolutional network in PyTorch.

Everything is in float64 and dense: the powers of D^-1 A, the network by autograd, AdaGrad as Lasagne writes it
(epsilon inside the root). Run with Python 3, numpy and torch (2.x was used); writes beside this file.
"""
import json
import pathlib

import numpy as np
import torch

NODES, FEATURES, CLASSES, HOPS, BATCH, STEPS = 24, 6, 3, 2, 7, 20
RATE, EPSILON = 0.05, 1e-6


def f32(x):
    """Values that both float types hold, so that both programs start from the same."""
    return np.asarray(x, dtype=np.float32).astype(np.float64)


def hinge(outputs, targets):
    """Crammer and Singer: max(0, 1 + the strongest rival - the own class), on tanh outputs."""
    outputs = torch.tanh(outputs)
    rows = torch.arange(len(targets))
    rivals = outputs.clone()
    rivals[rows, targets] = -torch.inf
    loss = torch.clamp(1 + rivals.max(dim=1).values - outputs[rows, targets], min=0).mean()
    return outputs, loss


def cross_entropy(outputs, targets):
    return outputs, torch.nn.functional.cross_entropy(outputs, targets)


def run(name, head):
    rng = np.random.default_rng(1511)
    upper = np.triu(rng.random((NODES, NODES)) < 0.12, 1)
    upper[5, :] = upper[:, 5] = False  # a node without edges
    a = (upper | upper.T).astype(np.float64)
    degree = a.sum(axis=1, keepdims=True)
    p = np.divide(a, degree, out=np.zeros_like(a), where=degree > 0)
    x = f32((rng.random((NODES, FEATURES)) < 0.4) * rng.uniform(0.2, 2.0, (NODES, FEATURES)))
    labels = rng.integers(CLASSES, size=NODES)
    with_bias = np.hstack([x, np.ones((NODES, 1))])
    s = torch.tensor(np.stack([np.linalg.matrix_power(p, j) @ with_bias for j in range(HOPS + 1)], axis=1))

    start = {
        "conv": f32(rng.normal(0, 0.5, (HOPS + 1, FEATURES + 1))),
        "dense": f32(rng.normal(0, 0.3, (CLASSES, (HOPS + 1) * (FEATURES + 1)))),
        "bias": f32(rng.normal(0, 0.1, CLASSES)),
    }
    weights = {k: torch.tensor(v, requires_grad=True) for k, v in start.items()}
    sums = {k: torch.zeros_like(v) for k, v in weights.items()}
    # batches of 7 of 24 nodes in a fixed order, around and around
    order = np.concatenate([rng.permutation(NODES) for _ in range(1 + BATCH * STEPS // NODES)])

    def forward(nodes):
        z = torch.tanh(weights["conv"] * s[nodes])
        return head(z.flatten(1) @ weights["dense"].T + weights["bias"], torch.tensor(labels[nodes]))

    losses = []
    for step in range(STEPS):
        _, loss = forward(order[step * BATCH : (step + 1) * BATCH])
        losses.append(loss.item())
        grads = torch.autograd.grad(loss, list(weights.values()))
        with torch.no_grad():
            for (k, w), g in zip(weights.items(), grads):
                sums[k] += g**2
                w -= RATE * g / torch.sqrt(sums[k] + EPSILON)
    outputs, _ = forward(np.arange(NODES))
    golden = {
        "edges": np.argwhere(upper), "features": x, "labels": labels, "order": order[: BATCH * STEPS],
        "losses": np.array(losses), "outputs": outputs.detach().numpy(),
        **{f"{k}_start": v for k, v in start.items()},
        **{f"{k}_end": v.detach().numpy() for k, v in weights.items()},
    }
    text = json.dumps({k: np.asarray(v).flatten().tolist() for k, v in golden.items()})
    pathlib.Path(__file__).with_name(f"{name}.json").write_text(text + "\n")
    print(name, losses[0], losses[-1])


run("hinge", hinge)
run("cross_entropy", cross_entropy)
