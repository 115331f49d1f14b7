import numpy as np
import pytest

from model_registry.errors import InputError
from tasks.data.labels import chosen_classes, label_names, ordered


def test_label_names_are_equal_for_integers_floats_and_text():
    for cells in (np.array([1, 0]), np.array([1.0, 0.0]), np.array(["1", "0"])):
        assert label_names(cells, "f").tolist() == ["1", "0"]
    assert label_names(np.array([1.0, np.nan]), "f").tolist() == ["1", None]
    assert label_names(np.array([True, False]), "f").tolist() == ["True", "False"]


def test_label_names_refuse_an_identifier():
    with pytest.raises(InputError, match=r"at most 1000 classes. Received: 1001"):
        label_names(np.arange(1001), "f")


def test_ordered_sorts_whole_numbers_by_size_and_text_by_alphabet():
    assert ordered(["10", "9", "-1"]) == ["-1", "9", "10"]
    assert ordered(["b", "a", "10"]) == ["10", "a", "b"]


def test_chosen_classes_keep_the_stated_order_else_the_source_order():
    labels = np.array(["a", "b", "c", None], dtype=object)
    assert chosen_classes(labels, ["c", "a"], None) == ["c", "a"]
    assert chosen_classes(labels, None, ["c", "b", "a", "z"]) == ["c", "b", "a"]
    assert chosen_classes(np.array(["1", "0"], dtype=object), [1, 0], None) == ["1", "0"]


def test_chosen_classes_put_labels_that_the_source_does_not_name_last():
    labels = np.array(["a", "10", "9", "b", None], dtype=object)
    assert chosen_classes(labels, None, ["b", "a", "z"]) == ["b", "a", "9", "10"]


def test_chosen_classes_refuse_what_is_not_there_and_a_single_class():
    labels = np.array(["cat", "dog"], dtype=object)
    with pytest.raises(InputError, match=r"data.classes: expected some of .*Received: 'dgo'. Did you mean 'dog'"):
        chosen_classes(labels, ["cat", "dgo"], None)
    with pytest.raises(InputError, match="at least two classes"):
        chosen_classes(labels[:1], None, None)
