"""LiteRT flatbuffers: they run, but cannot be trained further."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from tasks.methods.litert import LiteRunner
from tasks.methods.networks.formats.outside import Found
from tasks.methods.networks.formats.refusal import first_line, refusal

_CODE = """
import sys
from pathlib import Path
import numpy as np
from tasks.methods.litert import LiteRunner
runner = LiteRunner(Path(sys.argv[1]).read_bytes())
runner.run(np.random.default_rng(0).random((2, *runner.input_shape), np.float32))
"""
_TIMEOUT_S = 300
_DAMAGED = "It may be truncated or damaged: copy it again. Operations of one's own and Flex operations are not run."


def read_tflite(path: Path) -> Found:
    """Reads a flatbuffer, after another process has run it: LiteRT is native code, and a damaged graph may end the process.

    Raises:
        InputError: It is damaged, has several inputs or outputs, takes whole numbers, or has operations that LiteRT lacks.
    """
    command = [sys.executable, "-P", "-c", _CODE, str(path.absolute())]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise refusal(path, f"a flatbuffer that takes more than {_TIMEOUT_S} s for two rows", _DAMAGED) from error
    if tried.returncode < 0:
        raise refusal(path, f"a flatbuffer that ends LiteRT's process ({signal.Signals(-tried.returncode).name})", _DAMAGED)
    flatbuffer = path.read_bytes()
    if tried.returncode:
        lines = [line.strip() for line in tried.stderr.splitlines() if line.strip()]
        raise refusal(path, f"a flatbuffer that LiteRT cannot run ({lines[-1] if lines else 'no reason given'})", _DAMAGED)
    try:
        runner = LiteRunner(flatbuffer)
    except (ValueError, RuntimeError) as error:
        raise refusal(path, f"a flatbuffer that LiteRT cannot run ({first_line(error)})", _DAMAGED) from error
    dtype = runner.input_dtype
    if not np.issubdtype(dtype, np.floating) and not runner.quantized_input:
        raise refusal(path, f"a flatbuffer that takes {dtype} without a scale", "Convert it with float32 or quantized inputs.")
    return Found("LiteRT flatbuffer", flatbuffer=flatbuffer)
