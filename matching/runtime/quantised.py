"""A network's products with its weights in 8-bit whole numbers.

Weights are rounded once, a scale for each output; what meets them is rounded while the network
runs, a scale for each row. A row is one patch of one picture, so that a picture's answer never
depends on what else is in its batch, which ONNX Runtime's own dynamic quantisation (one scale
for the whole batch) cannot promise. This module imports onnx: import it inside functions only.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]

# Whole numbers from −LARGEST to LARGEST; what is multiplied is shifted by MIDDLE, because
# processors multiply unsigned by signed bytes.
LARGEST, MIDDLE = 127, 128
# Processors without VNNI add pairs of products in 16 bits, where two large ones do not fit.
SAFE = 63
# Below so many outputs or inputs rounding costs more than it saves.
LEAST_SIDE = 64
MICROSOFT = "com.microsoft"


def rounded(model: onnx.ModelProto, *, largest: int = LARGEST) -> None:
    """Make each product of `model` with a constant matrix one of whole numbers; weights lie in
    −largest…largest. In place: large models would not fit into a small machine twice."""
    graph = model.graph
    weights = {one.name: one for one in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    replaced: set[str] = set()
    for node in graph.node:
        matrix = _matrix_of(node, weights)
        if matrix is None:
            nodes.append(node)
        else:
            replaced.add(node.input[1])
            nodes += _product(graph, node, matrix, largest)
    unused = replaced - {name for node in nodes for name in node.input}
    for name in unused:
        weights[name].ClearField("raw_data")
    kept = [one for one in graph.initializer if one.name not in unused]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept + _shared())
    model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))


def _matrix_of(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> Array | None:
    """The constant that a product of rows takes, float32 of shape (inputs, outputs)."""
    if node.op_type not in ("MatMul", "Gemm") or node.input[1] not in weights:
        return None
    matrix = numpy_helper.to_array(weights[node.input[1]])
    given = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    is_plain = given.get("alpha", 1.0) == given.get("beta", 1.0) == 1.0 and not given.get("transA")
    if matrix.ndim != 2 or min(matrix.shape) < LEAST_SIDE or not is_plain:
        return None
    return matrix.T if given.get("transB") else matrix


def _made(name: str, kind: str, inputs: list[str], output: str, **given: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, [f"{name}:{output}"], f"{name}:{output}", **given)


def _rounding(made: Callable[..., onnx.NodeProto], name: str, rows: str) -> list[onnx.NodeProto]:
    """The rows in whole numbers, `whole`, and the scale of each, `row scales`."""
    return [
        made("Reshape", [rows, f"{name}:flat"], "rows"),
        made("ReduceMax", [f"{name}:rows"], "most", axes=[1], keepdims=0),
        made("ReduceMin", [f"{name}:rows"], "least", axes=[1], keepdims=0),
        made("Neg", [f"{name}:least"], "lowest"),
        made("Max", [f"{name}:most", f"{name}:lowest", "raiox:tiny"], "largest"),
        made("Mul", [f"{name}:largest", "raiox:step"], "row scales"),
        made("Mul", [f"{name}:row scales", "raiox:zero"], "zeros"),
        made("Add", [f"{name}:zeros", "raiox:middle"], "middles"),
        made("Cast", [f"{name}:middles"], "middle", to=TensorProto.UINT8),
        made(
            "QuantizeLinear",
            [f"{name}:rows", f"{name}:row scales", f"{name}:middle"],
            "whole",
            axis=0,
        ),
    ]


def _product(
    graph: onnx.GraphProto, node: onnx.NodeProto, matrix: Array, largest: int
) -> list[onnx.NodeProto]:
    """What takes the node's place: rows scaled and rounded, multiplied, scaled back."""
    rows, name = node.input[0], node.output[0]
    scales = np.maximum(np.abs(matrix).max(axis=0), 1e-12) / largest
    whole = np.clip(np.rint(matrix / scales), -largest, largest).astype(np.int8)
    own = {
        f"{name}:weight": whole,
        f"{name}:scales": scales.astype(np.float32),
        f"{name}:flat": np.array([-1, matrix.shape[0]], np.int64),
    }
    graph.initializer.extend(numpy_helper.from_array(value, key) for key, value in own.items())

    made = partial(_made, name)
    steps = [
        *_rounding(made, name, rows),
        made(
            "MatMulIntegerToFloat",
            [f"{name}:whole", f"{name}:weight", "raiox:one", f"{name}:scales", "raiox:shift"],
            "products",
            domain=MICROSOFT,
        ),
        made("Unsqueeze", [f"{name}:row scales", "raiox:last"], "column"),
        made("Mul", [f"{name}:products", f"{name}:column"], "scaled"),
    ]
    last = f"{name}:scaled"
    if node.op_type == "Gemm":
        if len(node.input) > 2:
            steps.append(helper.make_node("Add", [last, node.input[2]], [name]))
        else:
            steps.append(helper.make_node("Identity", [last], [name]))
        return steps
    steps += [
        made("Shape", [rows], "shape"),
        made("Slice", [f"{name}:shape", "raiox:first", "raiox:last"], "head"),
        made("Concat", [f"{name}:head", f"{name}:outputs"], "to", axis=0),
        helper.make_node("Reshape", [last, f"{name}:to"], [name]),
    ]
    outputs = numpy_helper.from_array(np.array(matrix.shape[1:], np.int64), f"{name}:outputs")
    graph.initializer.append(outputs)
    return steps


def _shared() -> list[onnx.TensorProto]:
    constants: dict[str, Any] = {
        "raiox:tiny": np.array([1e-12], np.float32),
        "raiox:step": np.array([1 / LARGEST], np.float32),
        "raiox:zero": np.array([0.0], np.float32),
        "raiox:middle": np.array([float(MIDDLE)], np.float32),
        "raiox:one": np.array(1.0, np.float32),
        "raiox:shift": np.array(MIDDLE, np.uint8),
        "raiox:first": np.array([0], np.int64),
        "raiox:last": np.array([-1], np.int64),
    }
    return [numpy_helper.from_array(value, name) for name, value in constants.items()]
