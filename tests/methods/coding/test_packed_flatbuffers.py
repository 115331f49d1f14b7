import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.methods.coding import symbols
from tasks.methods.coding.buffers import constants
from tasks.methods.coding.flatbuffer import coded_bytes, pack, unpack


def network(kernels: list[np.ndarray], mode: str = "float32") -> bytes:
    """Dense layers with these kernels, relu between them, as a flatbuffer."""
    from tasks.methods.backend import keras
    from tasks.methods.quantization.convert import convert

    layers = [keras.Input((kernels[0].shape[0],))]
    layers += [keras.layers.Dense(kernel.shape[1], activation="relu") for kernel in kernels[:-1]]
    layers += [keras.layers.Dense(kernels[-1].shape[1], activation="softmax")]
    model = keras.Sequential(layers)
    for layer, kernel in zip(model.layers, kernels, strict=True):
        layer.set_weights([kernel, np.linspace(-1, 1, kernel.shape[1], dtype=np.float32)])
    rows = np.random.default_rng(0).random((8, kernels[0].shape[0]), dtype=np.float32)
    return convert(model, mode, rows)  # type: ignore[arg-type]


def sparse(rng: np.random.Generator, shape: tuple[int, int], density: float, values: int) -> np.ndarray:
    codebook = np.concatenate([[0.0], rng.normal(size=values)])
    return codebook[rng.integers(1, values + 1, shape) * (rng.random(shape) < density)].astype(np.float32)


@pytest.fixture(scope="module")
def flatbuffers() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    dense = [rng.normal(size=(40, 30)).astype(np.float32), rng.normal(size=(30, 4)).astype(np.float32)]
    clustered = [sparse(rng, (400, 60), 0.05, 8), sparse(rng, (60, 10), 0.3, 8)]
    empty = [np.zeros((40, 30), np.float32), np.ones((30, 4), np.float32)]
    return {
        "dense": network(dense),
        "dense int8": network(dense, "int8"),
        "dense float16": network(dense, "float16"),
        "clustered": network(clustered),
        "clustered int8": network(clustered, "int8"),
        "one value": network(empty),
    }


@pytest.mark.parametrize("name", ["dense", "dense int8", "dense float16", "clustered", "clustered int8", "one value"])
def test_unpack_gives_the_flatbuffer_back_to_the_last_bit(flatbuffers, name):
    packed = pack(flatbuffers[name])
    assert unpack(packed) == flatbuffers[name]
    assert len(packed) < len(flatbuffers[name])


def test_constants_are_the_kernels_and_biases_where_they_lie(flatbuffers):
    found = constants(flatbuffers["clustered"])
    sizes = {constant.stop - constant.start: constant.rows for constant in found}
    assert sizes[400 * 60 * 4] == 60  # LiteRT keeps a Dense kernel as [out, in]
    kernel = next(each for each in found if each.stop - each.start == 400 * 60 * 4)
    values = np.frombuffer(flatbuffers["clustered"][kernel.start : kernel.stop], np.float32)
    assert np.count_nonzero(values) == pytest.approx(0.05 * values.size, rel=0.1)


def test_coded_bytes_add_up_to_most_of_the_packed_form(flatbuffers):
    sizes, packed = coded_bytes(flatbuffers["clustered"]), pack(flatbuffers["clustered"])
    assert sum(sizes.values()) < len(packed) + 300
    large = next(size for name, size in sizes.items() if size == max(sizes.values()))
    assert large > len(packed) / 3


def test_evenly_spread_zeros_take_little_more_than_their_entropy():
    mask = np.random.default_rng(1).random((300, 800)) < 0.05
    density = mask.mean()
    entropy_bytes = -(density * np.log2(density) + (1 - density) * np.log2(1 - density)) * mask.size / 8
    encoder, steps = symbols.encoder(), symbols.densities(mask)
    symbols.encode_mask(encoder, mask, steps)
    assert 0.98 * entropy_bytes < encoder.get_compressed().nbytes < 1.04 * entropy_bytes


def test_packed_form_is_smaller_when_zeros_stand_in_dead_rows_and_columns():
    rng = np.random.default_rng(2)
    spread = sparse(rng, (400, 200), 0.05, 8)
    gathered = np.zeros_like(spread)
    gathered[:, :50][:100] = spread[spread != 0][np.arange(5000) % np.count_nonzero(spread)].reshape(100, 50) * (
        rng.random((100, 50)) < np.count_nonzero(spread) / 5000
    )
    eye = np.eye(200, 4, dtype=np.float32)
    assert np.count_nonzero(gathered) == pytest.approx(np.count_nonzero(spread), rel=0.05)
    assert len(pack(network([gathered, eye]))) < 0.75 * len(pack(network([spread, eye])))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 40), st.floats(0, 1), st.integers(0, 2**31), st.sampled_from([1, 2, 30]))
def test_masks_round_trip_whatever_their_shape_and_density(rows, columns, density, seed, repeats):
    mask = np.repeat(np.random.default_rng(seed).random((rows, columns)) < density, repeats, axis=0)
    encoder, steps = symbols.encoder(), symbols.densities(mask)
    symbols.encode_mask(encoder, mask, steps)
    decoder = symbols.decoder(encoder.get_compressed())
    np.testing.assert_array_equal(symbols.decode_mask(decoder, columns, steps), mask)


def test_counts_are_kept_to_a_twelfth():
    counts = np.array([0, 1, 2, 3, 10, 1000, 100_000])
    steps = symbols.weigh(counts)
    assert steps[0] == 0
    np.testing.assert_allclose(symbols.LEVELS[steps[1:].astype(int) - 1] / 128, counts[1:], rtol=1 / 11)
    np.testing.assert_allclose(symbols.shares(symbols.weigh(np.array([3, 0, 3]))), [0.5, 0, 0.5])


def test_pack_refuses_what_is_no_flatbuffer():
    with pytest.raises(ValueError, match="Expected a LiteRT model"):
        pack(b"PK\x03\x04 something else")


def test_unpack_refuses_other_and_damaged_bytes(flatbuffers):
    with pytest.raises(ValueError, match="Expected a packed flatbuffer"):
        unpack(flatbuffers["clustered"])
    packed = bytearray(pack(flatbuffers["clustered"]))
    with pytest.raises(ValueError, match="damaged"):
        unpack(bytes(packed[:-5]))
    packed[30] ^= 255
    with pytest.raises(ValueError, match="damaged"):
        unpack(bytes(packed))
