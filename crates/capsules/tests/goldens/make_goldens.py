"""Makes capsnet_tiny.* and capsnet_full.*: one step of CapsNet in PyTorch, an implementation of its own.

Requirements: torch, numpy, safetensors. Run anywhere: `python make_goldens.py`; writes beside this file.
Reference: Sabour, Frosst and Hinton, "Dynamic Routing Between Capsules", 2017.

All is computed in f64 from parameters and images that f32 holds exactly; results are rounded to f32 once.

Network: 1x28x28 -> conv1 9x9, ReLU -> primary.conv 9x9 stride 2, channel = type*8 + element -> capsule
type*36 + row*6 + column, squash -> digit.weight (I, 10, 16, 8), three routing passes, the coupling coefficients
constant for the gradient -> lengths sqrt(sum v^2 + 1e-8). Decoder: v with all but the labelled capsule zeroed,
160 -> fc1, ReLU -> fc2, ReLU -> fc3, sigmoid. Loss: margin loss + 0.0005 * squared error summed over pixels, both
means over the batch. Gradients of the decoder are small, about 1e-5: compare them relative to their own size.

capsnet_tiny.safetensors: 8 channels in conv1, 2 capsule types, decoder 160-12-20-784, batch 4. Parameters by name;
input.images, input.labels (f32); output.capsules, .lengths, .coupling (of the last pass), .reconstruction, .loss;
grad.NAME, but for the two large ones, digit.weight and decoder.fc3.weight, grad_sample.NAME and grad_norm.NAME.

capsnet_full.safetensors: 256 channels, 32 types, decoder 160-512-1024-784, batch 4. Parameters and images come from a
formula. With t the place of the tensor in SCALES and k the flat index,

    h = splitmix64((t << 40) + k)      z = seed + 0x9E3779B97F4A7C15, then the usual three shifts and two products
    x = (h >> 40) / 2^23 - 1           24 bits, so in [-1, 1) and exact
    parameter = f32(scale * x)         the product in f64
    pixel     = f32((0.5 + 0.5 * x)^2) likewise

input.labels; output.* as above, output.coupling of the first image alone; grad_sample.NAME and grad_norm.NAME of every
parameter, and all_passes.grad_sample.NAME, all_passes.grad_norm.NAME with the gradient through every routing pass.

grad_sample: the gradient at flat index (i * 2654435761) mod n for i in 0..512, or all n values in order if n <= 512.
grad_norm: the root of the sum of squares over the whole tensor.
capsnet_full.json: for each tensor of the formula its scale, its first four values and its sum, to find a slip early.
"""
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
EPS = 1e-8
BATCH = 4
SCALES = {
    "conv1.weight": 0.27,
    "conv1.bias": 0.1,
    "primary.conv.weight": 0.014,
    "primary.conv.bias": 0.1,
    "digit.weight": 0.2,
    "decoder.fc1.weight": 0.4,
    "decoder.fc1.bias": 0.1,
    "decoder.fc2.weight": 0.1,
    "decoder.fc2.bias": 0.1,
    "decoder.fc3.weight": 0.1,
    "decoder.fc3.bias": 0.1,
    "images": 1.0,
}


def shapes(channels, types, narrow, wide):
    return {
        "conv1.weight": (channels, 1, 9, 9),
        "conv1.bias": (channels,),
        "primary.conv.weight": (types * 8, channels, 9, 9),
        "primary.conv.bias": (types * 8,),
        "digit.weight": (types * 36, 10, 16, 8),
        "decoder.fc1.weight": (narrow, 160),
        "decoder.fc1.bias": (narrow,),
        "decoder.fc2.weight": (wide, narrow),
        "decoder.fc2.bias": (wide,),
        "decoder.fc3.weight": (784, wide),
        "decoder.fc3.bias": (784,),
    }


def length(v):
    return torch.sqrt(v.pow(2).sum(-1) + EPS)


def squash(s):
    return s / length(s)[..., None] * (1 - 1 / (1 + s.pow(2).sum(-1)))[..., None]


def forward(p, images, labels, through):
    x = F.relu(F.conv2d(images, p["conv1.weight"], p["conv1.bias"]))
    x = F.conv2d(x, p["primary.conv.weight"], p["primary.conv.bias"], stride=2)
    # one type after the other: its eight channels become the last axis
    u = torch.cat([squash(one.movedim(1, -1)).flatten(1, 2) for one in x.split(8, dim=1)], dim=1)
    # (B, J, I, 16), one parent after the other
    u_hat = torch.stack([(w @ u[..., None])[..., 0] for w in p["digit.weight"].unbind(1)], dim=1)
    b = torch.zeros(u_hat.shape[:3], dtype=u_hat.dtype)
    for n in range(3):
        votes = u_hat if through == "all" or n == 2 else u_hat.detach()
        c = b.softmax(dim=1)
        v = squash((c[..., None] * votes).sum(2))
        if n < 2:
            b = b + (votes * v[:, :, None]).sum(-1)
    lengths = length(v)
    chosen = torch.zeros_like(v)
    chosen[range(len(v)), labels] = 1.0
    hidden = F.relu(F.linear((v * chosen).flatten(1), p["decoder.fc1.weight"], p["decoder.fc1.bias"]))
    hidden = F.relu(F.linear(hidden, p["decoder.fc2.weight"], p["decoder.fc2.bias"]))
    reconstruction = torch.sigmoid(F.linear(hidden, p["decoder.fc3.weight"], p["decoder.fc3.bias"]))
    t = F.one_hot(labels, 10)
    margin = t * F.relu(0.9 - lengths) ** 2 + 0.5 * (1 - t) * F.relu(lengths - 0.1) ** 2
    error = (reconstruction - images.flatten(1)) ** 2
    loss = margin.sum(1).mean() + 0.0005 * error.sum(1).mean()
    return dict(capsules=v, lengths=lengths, coupling=c.movedim(1, 2), reconstruction=reconstruction, loss=loss)


def step(parameters, images, labels, through="last"):
    """Outputs and gradients by name, as arrays of f64 or of whatever type the parameters have."""
    p = {name: torch.tensor(a).requires_grad_() for name, a in parameters.items()}
    out = forward(p, torch.tensor(images), torch.tensor(labels), through)
    grads = torch.autograd.grad(out["loss"], list(p.values()))
    return {k: v.detach().numpy() for k, v in out.items()}, {k: g.numpy() for k, g in zip(p, grads)}


def samples(gradient):
    flat = gradient.ravel()
    if flat.size <= 512:
        return flat
    return flat[(np.arange(512, dtype=np.uint64) * np.uint64(2654435761) % np.uint64(flat.size)).astype(np.int64)]


def sampled(gradients, prefix=""):
    return {f"{prefix}grad_sample.{k}": samples(g) for k, g in gradients.items()} | {
        f"{prefix}grad_norm.{k}": np.sqrt(np.sum(g**2)).reshape(1) for k, g in gradients.items()
    }


def save(name, tensors):
    plain = {k: np.ascontiguousarray(np.reshape(a, np.shape(a) or (1,)), dtype=np.float32) for k, a in tensors.items()}
    save_file(plain, HERE / f"{name}.safetensors")


def describe(name, out, gradients, parameters, images, labels):
    """What a reader wants to know of a golden: is the network alive, and what does f32 make of it?"""
    lengths, coupling = out["lengths"], out["coupling"]
    assert abs(lengths - 0.9).min() > 1e-3 and abs(lengths - 0.1).min() > 1e-3, "a length at a kink of the margin loss"
    assert all(np.any(g) for g in gradients.values()), "a gradient is zero"
    print(f"{name}: loss {out['loss']:.6f}, lengths {lengths.min():.3f}..{lengths.max():.3f} "
          f"(spread within an image {lengths.std(1).mean():.3f}, of a class over images {lengths.std(0).mean():.3f}), "
          f"coupling {coupling.min():.4f}..{coupling.max():.4f}, "
          f"reconstruction {out['reconstruction'].min():.3f}..{out['reconstruction'].max():.3f}")
    single = {k: a.astype(np.float32) for k, a in parameters.items()}
    out32, gradients32 = step(single, images.astype(np.float32), labels)
    for k, exact in (out | gradients).items():
        size, error = np.sqrt(np.mean(exact**2)), abs((out32 | gradients32)[k] - exact).max()
        print(f"  {k:22} root mean square {size:.3e}, f32 in PyTorch off by at most {error:.1e}")


def tiny():
    rng = np.random.default_rng(3)
    spread = {"conv1.weight": 0.16, "primary.conv.weight": 0.045, "digit.weight": 0.35}
    parameters = {}
    for name, shape in shapes(8, 2, 12, 20).items():
        sigma = spread.get(name, 0.1 if name.endswith("bias") else 1.5 / np.sqrt(shape[-1]))
        # multiples of 1/512: exact in f32, and small in the history
        parameters[name] = np.round(rng.normal(0, sigma, shape) * 512) / 512
    labels = np.array([7, 0, 4, 9])
    images = np.zeros((BATCH, 1, 28, 28))
    for n in range(BATCH):  # a ring on black, with grain
        y, x = np.mgrid[0:28, 0:28] - rng.uniform(10, 17, 2)[:, None, None]
        ring = np.exp(-((np.hypot(x, y * rng.uniform(0.7, 1.4)) - rng.uniform(4, 8)) ** 2) / 4)
        images[n, 0] = np.round(ring * rng.uniform(0.7, 1, (28, 28)) * 256) / 256
    out, gradients = step(parameters, images, labels)
    large = ("digit.weight", "decoder.fc3.weight")
    whole = {f"grad.{k}": g for k, g in gradients.items() if k not in large}
    few = sampled({k: gradients[k] for k in large})
    save("capsnet_tiny", parameters | {"input.images": images, "input.labels": labels}
         | {f"output.{k}": a for k, a in out.items()} | whole | few)
    describe("capsnet_tiny", out, gradients, parameters, images, labels)


def unit(t, shape):
    """The formula's x, an array of f64."""
    with np.errstate(over="ignore"):
        z = (np.uint64(t) << np.uint64(40)) + np.arange(np.prod(shape), dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1).reshape(shape)


def full():
    sizes = shapes(256, 32, 512, 1024)
    total = sum(np.prod(s) for s in sizes.values())
    decoder = sum(np.prod(s) for k, s in sizes.items() if k.startswith("decoder"))
    assert (total - decoder, total) == (6_804_224, 8_215_568)
    print(f"capsnet_full: {total - decoder:,} parameters without the decoder, {total:,} with it")
    assert list(SCALES) == [*sizes, "images"]
    parameters = {}
    for t, (name, scale) in enumerate(SCALES.items()):
        if name != "images":
            parameters[name] = (scale * unit(t, sizes[name])).astype(np.float32).astype(np.float64)
    images = ((0.5 + 0.5 * unit(t, (BATCH, 1, 28, 28))) ** 2).astype(np.float32).astype(np.float64)
    labels = np.array([3, 1, 4, 9])
    out, gradients = step(parameters, images, labels)
    _, all_passes = step(parameters, images, labels, through="all")
    outputs = {f"output.{k}": a[0] if k == "coupling" else a for k, a in out.items()}
    save("capsnet_full", {"input.labels": labels} | outputs | sampled(gradients) | sampled(all_passes, "all_passes."))
    slips = {}
    for name, a in (parameters | {"images": images}).items():
        slips[f"{name}.scale"] = [SCALES[name]]
        slips[f"{name}.first"] = a.ravel()[:4].tolist()
        slips[f"{name}.sum"] = [float(a.sum())]
    lines = ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in slips.items())
    (HERE / "capsnet_full.json").write_text(f"{{\n{lines}\n}}\n")
    describe("capsnet_full", out, gradients, parameters, images, labels)


if __name__ == "__main__":
    tiny()
    full()
