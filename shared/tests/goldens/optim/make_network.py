"""Writes network.safetensors and network_io.safetensors beside this file: python make_network.py

A PyTorch network's state_dict under PyTorch's own names, and an input with the output it gives. The
files are written from the format's specification (8 bytes of header length, JSON, data) by hand, so that
they owe nothing to the reader under test.
"""

import json
import pathlib
import struct

import torch


def save(name, tensors):
    header, data = {}, b""
    for key, tensor in tensors.items():
        raw = tensor.detach().contiguous().numpy().astype("<f4").tobytes()
        offsets = [len(data), len(data) + len(raw)]
        header[key] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": offsets}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path = pathlib.Path(__file__).parent / name
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


torch.manual_seed(0)
network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
x = torch.randn(5, 3)
save("network.safetensors", network.state_dict())
save("network_io.safetensors", {"x": x, "y": network(x)})
