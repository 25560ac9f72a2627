"""The training steps of `bench`, in PyTorch and SciPy: what a user would otherwise run.

    python3 shared/benches/peers.py [WORKLOAD ..] [--steps N] [--threads N] [--device cuda:0] [--tf32]

One JSON line a workload, in the words of `bench --json`; `cargo run --release -p eightfold -- bench` runs both in turn. On a CUDA
device a line has besides

    kernel_ms   time in which the card ran kernels, a step (torch.profiler)
    gap_ms      the rest of the step: launches, and the host in between
    gflop       arithmetic of the matrix products of a step, forward and backward (torch's own count)
    roofline_ms what the card would take for that arithmetic at its peak, or for the weights, gradients and state at its
                bandwidth, whichever is longer

Steps on several ranks are those of DistributedDataParallel on gloo, with a process a rank; their memory is that of the program that
starts them.

TF32 is off unless asked for, since `bench` computes in f32. Needs torch, numpy and scipy.
"""

import argparse
import json
import resource
import socket
import statistics
import time

import numpy
import torch
from scipy import sparse
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

# f32 outside of tensor cores in TFLOP/s, and bytes a second: NVIDIA's data sheets
CARDS = {"H200": (67e12, 4.8e12), "H100": (67e12, 3.35e12), "A100": (19.5e12, 2.0e12), "V100": (15.7e12, 0.9e12)}


def squashed(s):
    square = s.square().sum(-1, keepdim=True)
    return s * square / ((1 + square) * (square + 1e-7).sqrt())


class Capsules(nn.Module):
    """28 x 28 images, 1,152 capsules of 8 to 10 of 16, three passes, and the decoder."""

    def __init__(self):
        super().__init__()
        self.first, self.maps = nn.Conv2d(1, 256, 9), nn.Conv2d(256, 256, 9, 2)
        self.transform = nn.Parameter(0.05 * torch.randn(1152, 10, 16, 8))
        self.decoder = nn.Sequential(
            nn.Linear(160, 512), nn.ReLU(), nn.Linear(512, 1024), nn.ReLU(), nn.Linear(1024, 784), nn.Sigmoid()
        )

    def loss(self, images, classes):
        maps = self.maps(self.first(images).relu()).unflatten(1, (32, 8)).flatten(3)
        children = squashed(maps.transpose(2, 3).flatten(1, 2))
        votes = torch.einsum("ijnm,bim->bijn", self.transform, children)
        fixed, logits = votes.detach(), votes.new_zeros(votes.shape[:3])
        for _ in range(2):
            parents = squashed((logits.softmax(2).unsqueeze(3) * fixed).sum(1))
            logits = logits + (fixed * parents.unsqueeze(1)).sum(3)
        parents = squashed((logits.softmax(2).unsqueeze(3) * votes).sum(1))
        lengths, target = parents.norm(dim=2), F.one_hot(classes, 10).float()
        margin = target * (0.9 - lengths).relu().square() + 0.5 * (1 - target) * (lengths - 0.1).relu().square()
        drawn = self.decoder((parents * target.unsqueeze(2)).flatten(1))
        return margin.sum(1).mean() + 0.0005 * (drawn - images.flatten(1)).square().sum(1).mean()


def normed(inputs, outputs, kernel, stride=1, padding=0):
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class Beside(nn.Module):
    """Two branches on one input, their channels side by side."""

    def __init__(self, one, other):
        super().__init__()
        self.one, self.other = one, other

    def forward(self, x):
        return torch.cat([self.one(x), self.other(x)], 1)


def inception():
    layers, width = [normed(3, 96, 3, 1, 1)], 96
    plan = [(32, 32), (32, 48), 80, (112, 48), (96, 64), (80, 80), (48, 96), 96, (176, 160), (176, 160)]
    for part in plan:
        if isinstance(part, tuple):
            layers.append(Beside(normed(width, part[0], 1), normed(width, part[1], 3, 1, 1)))
            width = sum(part)
        else:
            layers.append(Beside(normed(width, part, 3, 2, 1), nn.MaxPool2d(3, 2, 1)))
            width += part
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(
            normed(inputs, outputs, 3, stride, 1),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        same = inputs == outputs
        self.way = nn.Identity() if same else normed(inputs, outputs, 1, stride)[:2]

    def forward(self, x):
        return (self.body(x) + self.way(x)).relu()


def resnet20():
    widths = [16, 16, 16, 16, 32, 32, 32, 64, 64, 64]
    blocks = [Residual(a, b, 1 if a == b else 2) for a, b in zip(widths, widths[1:])]
    return nn.Sequential(
        normed(3, 16, 3, 1, 1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)
    )


def perceptron():
    sizes = [2352, 512, 512, 512]
    hidden = [layer for a, b in zip(sizes, sizes[1:]) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(512, 10))


def classifier(net, shape, device):
    net = net.to(device)
    rule = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    images, classes = torch.randn(shape, device=device), torch.randint(0, 10, shape[:1], device=device)

    def step():
        rule.zero_grad()
        loss = F.cross_entropy(net(images), classes)
        loss.backward()
        rule.step()
        return loss

    return step, [net], 1


def capsules(device):
    net = Capsules().to(device)
    rule = torch.optim.Adam(net.parameters())
    images, classes = torch.rand(32, 1, 28, 28, device=device), torch.randint(0, 10, (32,), device=device)

    def step():
        rule.zero_grad()
        loss = net.loss(images, classes)
        loss.backward()
        rule.step()
        return loss

    return step, [net], 2


def gan(device):
    makes = nn.Sequential(
        nn.Linear(100, 6272), nn.Unflatten(1, (128, 7, 7)), nn.BatchNorm2d(128), nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.ReLU(), nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh(),
    ).to(device)
    judges = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(64, 128, 4, 2, 1), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(6272, 1),
    ).to(device)
    rules = [torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (judges, makes)]
    real = torch.rand(64, 1, 28, 28, device=device) * 2 - 1
    yes, no = torch.ones(64, 1, device=device), torch.zeros(64, 1, device=device)
    cost = F.binary_cross_entropy_with_logits

    def step():
        fake = makes(torch.randn(64, 100, device=device))
        rules[0].zero_grad()
        (cost(judges(real), yes) + cost(judges(fake.detach()), no)).backward()
        rules[0].step()
        rules[1].zero_grad()
        loss = cost(judges(fake), yes)
        loss.backward()
        rules[1].step()
        return loss

    return step, [makes, judges], 2


def dcnn(device):
    nodes, features, hops, classes = 902, 1433, 3, 7
    diffused = torch.rand(nodes, hops, features, device=device) * (torch.rand(nodes, hops, features, device=device) < 0.03)
    weight = nn.Parameter(0.1 * torch.randn(hops, features, device=device))
    output = nn.Parameter(0.1 * torch.randn(hops * features, classes, device=device))
    rule = torch.optim.Adagrad([weight, output], 0.05)
    labels = torch.randint(0, classes, (nodes,), device=device)
    both = nn.ParameterList([weight, output])

    def step():
        for start in range(0, nodes, 100):
            rule.zero_grad()
            z = torch.tanh(weight * diffused[start:start + 100]).flatten(1)
            loss = F.multi_margin_loss(z @ output, labels[start:start + 100])
            loss.backward()
            rule.step()
        return loss

    return step, [both], 1


def walk(nodes, degree):
    """P = D⁻¹A of a random graph whose second ends crowd at low numbers."""
    random = numpy.random.default_rng(0)
    edges = nodes * degree // 2
    ends = random.integers(0, nodes, edges), (nodes * random.random(edges) ** 2).astype(int) % nodes
    a = sparse.coo_matrix((numpy.ones(edges, numpy.float32), ends), (nodes, nodes)).tocsr()
    a = a + a.T
    a.setdiag(0)
    a.eliminate_zeros()
    a.data[:] = 1
    sums = numpy.asarray(a.sum(1)).ravel()
    return sparse.diags(1 / numpy.maximum(sums, 1)).astype(numpy.float32) @ a


def kept(matrix, sigma):
    matrix = matrix.tocsr(copy=True)
    matrix.data[matrix.data < sigma] = 0
    matrix.eliminate_zeros()
    return matrix


def sparse_dcnn(steps, warmup):
    """Two hops of 128 features on 50,000 nodes, thresholded at 0.05 before the powers are taken, and after."""
    nodes, sigma = 50_000, 0.05
    p = walk(nodes, 8)
    features = numpy.random.default_rng(1).random((nodes, 128), dtype=numpy.float32)

    def before():
        at, hop = kept(p, sigma), features
        for _ in range(2):
            hop = at @ hop

    def after():
        kept(p, sigma) @ features
        kept(p @ p, sigma) @ features

    for name, step in (("sparse-dcnn-pre", before), ("sparse-dcnn-post", after)):
        tell(name, nodes, timed(step, steps, warmup))


def labels(device):
    """The logistic loss of 32 x 18,291 scores, forward and backward; five labels a row."""
    scores = (8 * torch.rand(32, 18_291) - 6).to(device).requires_grad_()
    wanted = torch.zeros(32, 18_291, device=device)
    wanted.scatter_(1, torch.randint(0, 18_291, (32, 5), device=device), 1.0)

    def step():
        scores.grad = None
        loss = F.binary_cross_entropy_with_logits(scores, wanted, reduction="sum")
        loss.backward()
        return loss

    return step, [], 0


def distributed_step():
    """A step of ResNet-20 on 64 images a rank, in DistributedDataParallel."""
    net = nn.parallel.DistributedDataParallel(resnet20())
    rule = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
    images, classes = torch.randn(64, 3, 32, 32), torch.randint(0, 10, (64,))

    def step():
        rule.zero_grad()
        F.cross_entropy(net(images), classes).backward()
        rule.step()

    return step


def distributed_sum():
    """The sum of 25 million floats of every rank."""
    values = torch.zeros(25_000_000)
    return lambda: torch.distributed.all_reduce(values)


# name: ranks, the batch of all of them, what each does
RANKS = {
    "large-batch-resnet20": (2, 128, distributed_step),
    "large-batch-allreduce-2": (2, 25_000_000, distributed_sum),
    "large-batch-allreduce-4": (4, 25_000_000, distributed_sum),
}


def of_rank(rank, name, steps, warmup, threads, port, found):
    """What a process of a gloo group does; rank 0 tells its time."""
    size, _, build = RANKS[name]
    torch.set_num_threads(max(1, threads // size))
    where = f"tcp://127.0.0.1:{port}"
    torch.distributed.init_process_group("gloo", init_method=where, rank=rank, world_size=size)
    ms = timed(build(), steps, warmup)
    torch.distributed.barrier()
    if rank == 0:
        found.put(ms)
    torch.distributed.destroy_process_group()


def distributed(name, steps, warmup):
    size, batch, _ = RANKS[name]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = torch.multiprocessing.get_context("spawn").SimpleQueue()
    of = (name, steps, warmup, torch.get_num_threads(), port, found)
    torch.multiprocessing.spawn(of_rank, args=of, nprocs=size)
    tell(name, batch, found.get(), ranks=size)


def timed(step, steps, warmup):
    for _ in range(warmup):
        step()
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def tell(name, batch, ms, **more):
    found = {"name": name, "batch": batch, "ms_per_step": round(ms, 3), "items_per_s": round(1e3 * batch / ms, 1)}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(json.dumps(found | {"peak_rss_mib": peak, "threads": torch.get_num_threads()} | more), flush=True)


# name: batch, how it is made
WORKLOADS = {
    "capsules": (32, capsules),
    "gan": (64, gan),
    "resnet20": (128, lambda device: classifier(resnet20(), (128, 3, 32, 32), device)),
    "rethinking-inception": (64, lambda device: classifier(inception(), (64, 3, 28, 28), device)),
    "rethinking-mlp": (128, lambda device: classifier(perceptron(), (128, 3, 28, 28), device)),
    "dcnn": (902, dcnn),
    "data-scaling-loss": (32, labels),
}


def measure(name, steps, warmup, device):
    batch, build = WORKLOADS[name]
    step, nets, slots = build(device)
    cuda = device.type == "cuda"
    wait = torch.cuda.synchronize if cuda else (lambda: None)

    def whole():
        # the loss is read, as by whoever watches a training
        step().item()
        wait()

    ms, found = timed(whole, steps, warmup), {}
    with FlopCounterMode(display=False) as counter:
        step()
    flops, weights = counter.get_total_flops(), sum(p.numel() for net in nets for p in net.parameters())
    found["gflop"] = round(flops / 1e9, 3)
    if cuda:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            for _ in range(5):
                step()
            wait()
        kernels = sum(event.self_device_time_total for event in profile.key_averages()) / 5e3
        found |= {"kernel_ms": round(kernels, 3), "gap_ms": round(max(ms - kernels, 0.0), 3)}
        card = torch.cuda.get_device_name(device)
        peaks = next((peaks for key, peaks in CARDS.items() if key in card), None)
        if peaks:
            # weights, gradients and state are read, weights and state written
            moved = 4 * weights * (2 + slots + 1 + slots)
            found["roofline_ms"] = round(1e3 * max(flops / peaks[0], moved / peaks[1]), 4)
        found |= {"device": card, "peak_mib": torch.cuda.max_memory_allocated(device) >> 20}
    tell(name, batch, ms, **found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", nargs="*", help="all without one")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--tf32", action="store_true")
    args = parser.parse_args()
    known = [*WORKLOADS, "sparse-dcnn", *RANKS]
    if unknown := [name for name in args.workload if name not in known]:
        parser.error(f"there is no workload {unknown[0]}: choose from {', '.join(known)}")
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = args.tf32
    torch.backends.cudnn.benchmark = True
    # SciPy and gloo have no device but the CPU
    for name in args.workload or (known if args.device == "cpu" else WORKLOADS):
        if name == "sparse-dcnn":
            sparse_dcnn(args.steps, args.warmup)
            continue
        if name in RANKS:
            distributed(name, args.steps, args.warmup)
            continue
        measure(name, args.steps, args.warmup, torch.device(args.device))


# the processes of a group read this file, too
if __name__ == "__main__":
    main()
