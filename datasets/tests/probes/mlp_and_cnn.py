"""How hard a set is: test error of a linear map, an MLP and a small CNN on the same images.

    cargo run --release -p datasets --example export -- digits 15000 0 digits.bin
    python mlp_and_cnn.py digits.bin 1 28 28 10

Trains on the first 10,000 records and tests on the last 5,000, after the last epoch; nothing is selected by the
test set. Adam at 1e-3, cosine to 0, batches of 64. Prints one line a model and seed. The numbers that it gave are in
the documentation of the settings of the twins.
"""

import sys

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F


def train(make, x, y, tx, ty, epochs, seed):
    torch.manual_seed(seed)
    model = make()
    steps = epochs * (len(x) // 64)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(x))[: len(x) // 64 * 64].view(-1, 64):
            optimiser.zero_grad()
            loss = F.cross_entropy(model(x[batch]), y[batch])
            loss.backward()
            optimiser.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        right = lambda a, b: sum((model(p).argmax(1) == q).sum().item() for p, q in zip(a.split(500), b.split(500)))
        return 100 * right(x, y) / len(x), 100 * right(tx, ty) / len(tx)


def main():
    file, c, h, w = sys.argv[1], *map(int, sys.argv[2:5])
    epochs = int(sys.argv[5])
    data = torch.from_numpy(np.fromfile(file, np.uint8).reshape(-1, 1 + c * h * w))
    classes = int(data[:, 0].max()) + 1
    y, x = data[:, 0].long(), data[:, 1:].float().div(255).view(-1, c, h, w)
    x = (x - x[:10000].mean()) / x[:10000].std()
    x, y, tx, ty = x[:10000], y[:10000], x[-5000:], y[-5000:]
    side = (h // 4) * (w // 4)
    models = {
        "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(c * h * w, classes)),
        "mlp-128": lambda: nn.Sequential(nn.Flatten(), nn.Linear(c * h * w, 128), nn.ReLU(), nn.Linear(128, classes)),
        "cnn": lambda: nn.Sequential(
            nn.Conv2d(c, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(32 * side, 64), nn.ReLU(), nn.Linear(64, classes)),
    }
    for name, make in models.items():
        for seed in range(2):
            fit, score = train(make, x, y, tx, ty, epochs, seed)
            print(f"{name:8} seed {seed}: train {fit:.2f} %, test {score:.2f} %", flush=True)


if __name__ == "__main__":
    main()
