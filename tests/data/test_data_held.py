"""What ancestors held decides a data set only through the rows it shares with them."""

from pathlib import Path

import numpy as np

from model_registry.manifest import sha256_of
from tasks.data.prepare import prepare

SPLITS = ("train", "validation", "test")


def measured(people, rows: int, seed: int):
    """People with numbers that float32 rounds."""
    rng = np.random.default_rng(seed)
    return people(rows, seed=seed).assign(height=rng.normal(1.7, 0.1, rows), weight=rng.normal(70, 10, rows))


def test_prepare_knows_an_ancestors_rows_in_a_float32_file(prepared, people, tmp_path):
    frame = measured(people, 150, 1)
    ancestor = prepared(frame)
    frame.astype({"height": np.float32, "weight": np.float32}).to_parquet(tmp_path / "half.parquet")
    heir = prepared("half.parquet", data={"target": "label"}, held=[ancestor.folder], seed=7)
    assert heir.card.rows_held == heir.card.rows == 150
    for name in SPLITS:
        ours, theirs = (np.sort(data.split(name).raw["weight"]) for data in (heir, ancestor))
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_prepare_drops_no_row_that_float32_takes_for_another(prepared, people):
    seconds = 1_700_000_000 + np.arange(120)
    frame = people(120)[["label"]].assign(at=seconds)
    ancestor = prepared(frame[:60])
    data = prepared(frame, held=[ancestor.folder])
    assert (data.card.rows, data.card.rows_duplicate, data.card.rows_held) == (120, 0, 60)


def test_prepare_sends_rows_of_a_float32_batch_the_way_of_the_sources(prepared, people, tmp_path):
    frame = measured(people, 150, 1)
    frame[:50].astype({"height": np.float32, "weight": np.float32}).to_parquet(tmp_path / "half.parquet")
    data = prepared(frame, data={"append": ["half.parquet"]})
    assert data.card.rows == 200
    where = [set(data.split(name).raw["weight"].astype(np.float32)) for name in SPLITS]
    assert sum(map(len, where)) == len(set.union(*where)) == 150


def test_prepare_says_when_an_ancestor_of_equal_columns_shares_no_row(prepared, people):
    ancestor = prepared(people(100, seed=1))
    told: list[str] = []
    prepared(people(100, seed=2), held=[ancestor.folder], told=told)
    assert told == ["split: no row is one that ['trial'] held, though the columns are the same"]
    prepared(people(100, seed=1), held=[ancestor.folder], told=told, seed=4)
    assert len(told) == 1


def test_prepare_gives_the_same_data_set_whoever_else_is_compared_with(prepared, people, tmp_path):
    frame = people(100, seed=1)
    frame.to_csv(tmp_path / "all.csv", index=False)
    ancestor, strangers = prepared(frame[:40]), [prepared(people(80, seed=seed)) for seed in (5, 6)]
    strangers.append(prepared("bundled:digits", data={"classes": [0, 1]}))
    options = {"source": "all.csv", "data": {"target": "label"}, "seed": 2}
    folders = [stranger.folder for stranger in strangers]
    assert prepared(held=folders, **options).folder == prepared(**options).folder
    alone = prepared(held=[ancestor.folder], **options)
    assert alone.card.rows_held == 40
    twin = prepared(frame[:40], preprocess={"scaling": "none"})  # another version that held the same rows
    among = prepared(held=[*folders, twin.folder, ancestor.folder], **options)
    assert among.folder == alone.folder != prepared(**options).folder
    assert among.card.notes == alone.card.notes


def test_prepare_does_a_data_set_again_when_asked(prepared, people, recipe, tmp_path):
    first = prepared(people(60))
    card: Path = first.folder / "dataset.json"
    before = card.read_bytes()
    card.write_bytes(b"damaged")
    asked = recipe("rows1.csv", data={"target": "label"})
    ref = prepare(asked, base=tmp_path, out_root=tmp_path / "data", anew=True)
    assert (Path(ref.uri), card.read_bytes(), ref.sha256) == (first.folder, before, sha256_of(card))
