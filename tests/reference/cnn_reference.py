"""Layer shapes and counts by the slow way: windows walked, weights laid out, arrays kept in a list by time."""

from collections import Counter

import numpy as np


def windows(size, kernel, stride, pad, dilation=1):
    """Places where a window of a convolution fits into the padded row."""
    reach = dilation * (kernel - 1) + 1
    return [start for start in range(0, size + 2 * pad, stride) if start + reach <= size + 2 * pad]


def caffe_windows(size, kernel, stride, pad):
    """Windows until one reaches the end of the padded row; the last is dropped when it begins behind the row."""
    starts = [0]
    while starts[-1] + kernel < size + 2 * pad:
        starts.append(starts[-1] + stride)
    return [start for start in starts if start < size + pad]


def weights(layer, shape):
    """The weight array of a conv or fc, as one would allocate it."""
    if layer.type == "fc":
        return np.zeros((layer.out[0], *shape), np.int8)
    return np.zeros((layer.out[0], shape[0] // layer.groups, *layer.kernel), np.int8)


def outputs(layer, shapes, rule):
    """Arrays (zeros) that a layer puts out."""
    kind, zeros = layer.type, [np.zeros(shape, np.int8) for shape in shapes]
    if kind == "input":
        return [np.zeros(layer.out, np.int8)]
    if kind == "conv":
        sides = zip(shapes[0][1:], layer.kernel, layer.stride, layer.pad, layer.dilation)
        return [np.zeros((layer.out[0], *(len(windows(*side)) for side in sides)), np.int8)]
    if kind in ("max_pool", "average_pool"):
        if not layer.kernel:
            return [zeros[0].max(axis=(1, 2), keepdims=True)]
        walk = windows if rule == "torch" else caffe_windows
        sides = zip(shapes[0][1:], layer.kernel, layer.stride, layer.pad)
        return [np.zeros((shapes[0][0], *(len(walk(*side)) for side in sides)), np.int8)]
    if kind == "fc":
        return [np.zeros(layer.out, np.int8)]
    if kind == "concat":
        return [np.concatenate(zeros)]
    if kind == "slice":
        return np.split(zeros[0], np.cumsum(layer.out)[:-1])
    if kind == "flatten":
        return [zeros[0].reshape(-1)]
    if kind == "eltwise":
        return [sum(zeros)]
    return [zeros[0]]


def count(layers, rule="caffe"):
    """All counts of a network as a dict: parameters, macs, one number a convention, and what is live, by layer."""
    array_of, arrays, touched = {}, [], []  # name -> (number of the array, shape); sizes; (reads, writes) a layer
    total = dict.fromkeys(["parameters", "macs", "conv", "conv_io", "blob", "netscope"], 0)
    for layer in layers:
        read = [array_of[name] for name in layer.inputs]
        made = outputs(layer, [shape for _, shape in read], rule)
        total["netscope"] += sum(a.size for a in made)
        if layer.in_place:
            written = [read[0][0]]
        else:
            written = [len(arrays) + i for i in range(len(made))]
            arrays += [a.size for a in made]
            total["blob"] += sum(a.size for a in made)
        names = [f"{layer.name}:{i}" for i in range(len(made))] if layer.type == "slice" else [layer.name]
        array_of |= {name: (number, a.shape) for name, number, a in zip(names, written, made)}
        touched.append(([number for number, _ in read], written))
        if layer.type == "bn":
            total["parameters"] += np.zeros((2, read[0][1][0])).size
        if layer.type in ("conv", "fc"):
            w = weights(layer, read[0][1])
            total["parameters"] += w.size + (layer.out[0] if layer.bias else 0)
            total["macs"] += made[0].size * w[0].size
            total["conv"] += made[0].size
            total["conv_io"] += made[0].size + int(np.prod(read[0][1]))
    live = live_by_freeing(touched, arrays)
    return {**total, "peak": max(live), "live": live, "touched": touched, "sizes": arrays}


def live_by_freeing(touched, sizes):
    """Elements held while each layer works: an array is let go behind the last layer that only reads it."""
    left = Counter(array for reads, writes in touched for array in {*reads, *writes})
    held, live = set(), []
    for reads, writes in touched:
        held |= set(writes)
        live.append(sum(sizes[array] for array in held))
        for array in {*reads, *writes}:
            left[array] -= 1
            if not left[array] and array not in writes:
                held.remove(array)
    return live


def live_by_looking(touched, sizes):
    """The same, by asking of every array at every time whether it is needed."""
    return [sum(n for a, n in enumerate(sizes) if held(touched, a, t)) for t in range(len(touched))]


def held(touched, array, time):
    """Whether an array is there: made, and used now or later, or an output, which nobody reads after its last write."""
    used = [t for t, (reads, writes) in enumerate(touched) if array in reads or array in writes]
    is_output = array in touched[used[-1]][1]
    return used[0] <= time and (time <= used[-1] or is_output)
