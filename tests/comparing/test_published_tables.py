"""The sources' figures as data, and that they are those of the registry and the recipes."""

from __future__ import annotations

import numpy as np
import pytest

from fer_tf import compare
from fer_tf.comparing import published_tables as tables
from fer_tf.models.registry import NETWORKS
from fer_tf.recipes.published import PUBLISHED

NAMES = sorted(tables.published_networks())


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_row_names_a_source_that_is_described(name):
    known = {row["source"] for row in tables.read_table("sources")}
    rows = tables.read_table(name)
    assert rows and {row["source"] for row in rows} <= known
    assert all(None not in row and None not in row.values() for row in rows)


def test_the_table_has_the_systems_in_their_order():
    rows = [network.row for network in tables.published_networks().values()]
    assert rows == list(range(1, 24))


@pytest.mark.parametrize("name", NAMES)
def test_counts_and_inputs_agree_with_the_registry(name):
    published, row = tables.published_networks()[name], NETWORKS.get(name)
    if row is None:
        pytest.skip("is not registered")
    assert row.input_shape == published.input
    assert len(row.task.labels) == published.classes
    assert published.parameters in (None, row.parameters)


@pytest.mark.parametrize("name", NAMES)
def test_accuracies_agree_with_the_recipes(name):
    published, recipe = tables.published_networks()[name], PUBLISHED.get(name)
    if recipe is None:
        pytest.skip("has no recipe")
    stated = (published.accuracy, published.accuracy_high)
    assert any(recipe.expected_accuracy == pytest.approx(accuracy) for accuracy in stated)


def test_every_recipe_s_networks_are_in_the_table():
    named = [name for row in tables.read_table("recipes") for name in row["networks"].split()]
    assert sorted(named) == NAMES
    for row in tables.read_table("recipes"):
        for name in row["networks"].split():
            assert tables.published_networks()[name].source == row["source"]


def test_figures_that_cannot_be_right_say_why():
    doubted = {(f.source, f.quantity) for f in tables.published_figures() if f.doubt}
    assert {("S0", "FLOPs"), ("S0", "time"), ("S0", "parameters"), ("S2", "SAGR")} <= doubted
    assert ("S2", "parameters") in doubted
    doubled = tables.stated("resmaskingnet", "parameters")
    assert doubled is not None and doubled.value is not None
    count = tables.published_networks()["resmaskingnet"].parameters
    assert count is not None
    assert np.isclose(doubled.value * 1e6, count + 5_147_008, atol=5e4)


def test_a_stated_count_stands_before_the_counted_one():
    assert tables.stated_parameters("squeezenet1_1") == 1_235_496
    assert tables.stated_parameters("resmaskingnet") == 142_900_000
    assert tables.stated_parameters("t_net") == 423_498
    assert tables.stated_parameters("vggnet_lee") is None


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("resmaskingnet", "S0, parameters 142.9 M: each mask block's shortcut"),
        ("t_net", "S2, SAGR: what it calls SAGR is a mean absolute error"),
        ("squeezenet1_1", "ImageNet's 1,000 classes"),
        ("vgg16", "S4: chooses on PrivateTest and tests on PublicTest"),
        ("dacl", "DACL's accuracy is of RAF-DB, with 7 classes"),
    ],
)
def test_remarks_of_a_network(network, words):
    assert words in " / ".join(tables.remarks(network))


def test_a_network_s_remarks_are_not_of_another():
    assert not any("mask block" in remark for remark in tables.remarks("densenet121"))
    assert tables.remarks("nano") == []


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("khaireddin_vgg_quarter", "khaireddin_vgg"),
        ("transfer_lite", "transfer_lite"),
        ("nano", "nano"),
    ],
)
def test_the_whole_network_of_a_smaller_variant(name, whole):
    assert tables.whole_network(name) == whole


def test_published_prints_every_table_and_does_nothing(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    compare.main(["--published"])
    printed = capsys.readouterr().out
    for name in tables.TABLES:
        assert f"published: {name}" in printed
    assert "74.14" in printed and "142.9" in printed and "warm_restarts" in printed
    assert not list(tmp_path.iterdir())
