"""ai-edge-quantizer, in a process of its own: it was seen to abort the process it runs in."""

import subprocess
import sys

from tasks.methods.quantization.weights_of import weight_types

# The result is run once before it is handed back: a flatbuffer that its own runtime refuses must not be served.
_CHILD = """
import os, sys
result = os.dup(1)
os.dup2(2, 1)  # the quantizer reports on standard output
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe
flatbuffer = bytearray(sys.stdin.buffer.read())
chosen = getattr(recipe, sys.argv[1])()
quantized = bytes(quantizer.Quantizer(flatbuffer, chosen).quantize().quantized_model)
interpreter = Interpreter(model_content=quantized)
interpreter.allocate_tensors()
interpreter.invoke()
with os.fdopen(result, "wb") as out:
    out.write(quantized)
"""
_RECIPES = {8: "weight_only_wi8_afp32", 4: "weight_only_wi4_afp32"}


def weight_only(flatbuffer: bytes, num_bits: int) -> bytes:
    """A flatbuffer with its weights in fewer bits, a scale for each channel; activations and arithmetic stay float32.

    Weights of operations that cannot take so few bits stay float32.

    Args:
        flatbuffer: A float32 LiteRT model.
        num_bits: 8 or 4.

    Returns:
        The quantized flatbuffer, which LiteRT has run once.

    Raises:
        ValueError: Another number of bits, no operation that takes it, or the quantizer failed or was killed.
    """
    if num_bits not in _RECIPES:
        raise ValueError(f"Invalid `num_bits`. Expected one of {list(_RECIPES)}. Received: num_bits={num_bits}.")
    command = [sys.executable, "-c", _CHILD, _RECIPES[num_bits]]
    done = subprocess.run(command, input=flatbuffer, capture_output=True, check=False)
    if done.returncode:
        raise ValueError(
            "Invalid `flatbuffer`. Expected a float32 model that ai-edge-quantizer can quantize; try mode 'dynamic' or 'int8'. "
            f"Received: one on which it ended with code {done.returncode}: {_last_line(done.stderr)}"
        )
    kinds = set(weight_types(done.stdout).values())
    if f"int{num_bits}" not in kinds:
        raise ValueError(
            f"Invalid `num_bits`. Expected a network with a layer that LiteRT can hold in {num_bits} bits; Dense and Conv2D "
            f"can. Received: num_bits={num_bits}, and weights that stay {sorted(kinds)}."
        )
    return done.stdout


def _last_line(text: bytes) -> str:
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no message"
