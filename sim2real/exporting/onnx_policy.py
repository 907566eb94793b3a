"""A policy as an ONNX graph of standard operators, float32 throughout, batch first.

An observation is normalized as ``((x - high) - low) * scale``, where ``high`` is the mean in float32 and ``low`` what
that rounding lost: as exact as float64 where a small difference of large numbers matters.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim2real.conv_policy import ConvPolicy
from sim2real.errors import MissingExtraError
from sim2real.exporting.numpy_policy import policy_shape
from sim2real.policy import KeptPolicy, MlpPolicy
from sim2real_envs.parameters import Array

OPSET, IR_VERSION = 17, 8  # of 2022: every runtime since then reads them
INPUT, OUTPUT = "observation", "action"
_EPSILON = 1e-8
_MISSING = "ONNX files need the packages onnx and onnxruntime: pip install 'sim2real[export]'"


def write_onnx(policy: KeptPolicy, path: Path) -> None:
    """Write the graph: ``observation`` (batch, o), or uint8 images (batch, h, w, c), to ``action`` (batch, a).

    Raises:
        MissingExtraError: If onnx is not installed.
        PolicyError: If it is neither an ``MlpPolicy`` nor a ``ConvPolicy``.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtraError(_MISSING) from None
    graph, shape = _Graph(onnx), policy_shape(policy)
    if isinstance(policy, MlpPolicy):
        kind = onnx.TensorProto.FLOAT
        graph.mlp(policy)
    elif isinstance(policy, ConvPolicy):
        kind = onnx.TensorProto.UINT8
        graph.convolutions(policy)
    helper = onnx.helper
    made = helper.make_graph(
        graph.nodes,
        "policy",
        [helper.make_tensor_value_info(INPUT, kind, ["batch", *shape])],
        [helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, ["batch", policy.action_size])],
        graph.constants,
    )
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="sim2real"
    )
    helper.set_model_props(model, {"env_id": policy.env_id, "algorithm": policy.algorithm})
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


class OnnxPolicy:
    """An ONNX policy in onnxruntime, one thread, called like any other policy.

    Raises:
        MissingExtraError: If onnxruntime is not installed.
    """

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise MissingExtraError(_MISSING) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._kind = np.uint8 if "uint8" in self._session.get_inputs()[0].type else np.float32

    def __call__(self, observation: NDArray[Any]) -> Array:
        """Return the action (a,) for an observation (o,) or an image (h, w, c)."""
        action: Array = self.batch(observation[None])[0]
        return action

    def batch(self, observations: NDArray[Any]) -> Array:
        """Return the actions (n, a) for observations (n, o) or images (n, h, w, c)."""
        found: Array = self._session.run([OUTPUT], {INPUT: observations.astype(self._kind)})[0].astype(np.float64)
        return found


class _Graph:
    """Nodes and constants, one after the other; every node takes the value before it."""

    def __init__(self, onnx: Any) -> None:
        self._onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._value = INPUT

    def mlp(self, policy: MlpPolicy) -> None:
        high = policy.mean.astype(np.float32)
        self._add("Sub", [high])
        self._add("Sub", [(policy.mean - high).astype(np.float32)])
        self._add("Mul", [(1.0 / np.sqrt(policy.variance + _EPSILON)).astype(np.float32)])
        self._clip(policy.clip)
        self._layers(policy.layers, "Relu" if policy.activation == "relu" else "Tanh")
        if policy.output == "tanh":
            self._add("Tanh", last=True)
        else:
            self._clip(1.0, last=True)

    def convolutions(self, policy: ConvPolicy) -> None:
        self._add("Cast", to=self._onnx.TensorProto.FLOAT)
        self._add("Div", [np.float32(255.0)])
        self._add("Sub", [np.float32(0.5)])
        self._add("Transpose", perm=[0, 3, 1, 2])
        height, width, _ = policy.shape
        for weight, bias, stride in policy.convolutions:
            self._add("Conv", [weight, bias], strides=[stride, stride])
            self._add("Relu")
            edge = weight.shape[-1]
            height, width = (height - edge) // stride + 1, (width - edge) // stride + 1
        maps = len(policy.convolutions[-1].bias)
        self._add("Reshape", [np.array([-1, maps, height * width], dtype=np.int64)])
        self._add("Softmax", axis=-1)
        rows, columns = (np.linspace(-1.0, 1.0, edge, dtype=np.float32) for edge in (height, width))
        self._add("MatMul", [np.stack([np.tile(columns, height), np.repeat(rows, width)], axis=1)])  # (n, m, 2)
        self._add("Flatten", axis=1)
        self._layers(policy.layers, "Relu")
        self._clip(1.0, last=True)

    def _layers(self, layers: Iterable[tuple[NDArray[np.float32], NDArray[np.float32]]], activation: str) -> None:
        *hidden, last = layers
        for weight, bias in hidden:
            self._add("Gemm", [weight, bias], transB=1)
            self._add(activation)
        self._add("Gemm", [*last], transB=1)

    def _clip(self, bound: float, *, last: bool = False) -> None:
        self._add("Clip", [np.float32(-bound), np.float32(bound)], last=last)

    def _add(self, operator: str, constants: Iterable[Any] = (), *, last: bool = False, **attributes: Any) -> None:
        number, names = len(self.nodes), []
        for place, value in enumerate(constants):
            names.append(f"{operator.lower()}_{number}_{place}")
            self.constants.append(self._onnx.numpy_helper.from_array(np.asarray(value, order="C"), names[-1]))
        result = OUTPUT if last else f"value_{number}"
        self.nodes.append(self._onnx.helper.make_node(operator, [self._value, *names], [result], **attributes))
        self._value = result
