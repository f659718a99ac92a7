"""Trees of scikit-learn as one node of an ONNX graph.

skl2onnx does it as well. It is not used, since the windows and the state around the trees are ours
in any case, and this node is all that it would add. What is read of scikit-learn has no promise of
staying as it is, so every file is compared with scikit-learn's own answers before it is kept.
"""

from typing import Any

import numpy as np
import onnx


def tree_node(trees: Any, n_classes: int, given: str, gives: str) -> onnx.NodeProto:
    """Return a node that takes rows of columns and gives a logit per class.

    Args:
        trees: A fitted `HistGradientBoostingClassifier`.
        n_classes: How many there are; of two, trees tell the second one alone.
        given: Name of the rows.
        gives: Name of the logits.
    """
    columns: dict[str, list[Any]] = {name: [] for name in _NODE}
    leaves: dict[str, list[Any]] = {name: [] for name in _LEAF}
    number = 0
    for iteration in trees._predictors:  # noqa: SLF001 - scikit-learn has no public way to them
        for place, tree in enumerate(iteration):
            target = place if n_classes > 2 else 1
            for node, each in enumerate(tree.nodes):
                _add_node(columns, number, node, each)
                if each["is_leaf"]:
                    leaves["target_treeids"].append(number)
                    leaves["target_nodeids"].append(node)
                    leaves["target_ids"].append(target)
                    leaves["target_weights"].append(float(each["value"]))
            number += 1
    base = np.ravel(trees._baseline_prediction).tolist()  # noqa: SLF001 - the same
    return onnx.helper.make_node(
        "TreeEnsembleRegressor",
        [given],
        [gives],
        domain="ai.onnx.ml",
        n_targets=n_classes,
        base_values=base if n_classes > 2 else [0.0, *base],
        post_transform="NONE",
        **columns,
        **leaves,
    )


_NODE = (
    "nodes_treeids",
    "nodes_nodeids",
    "nodes_featureids",
    "nodes_values",
    "nodes_modes",
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "nodes_missing_value_tracks_true",
)
_LEAF = ("target_treeids", "target_nodeids", "target_ids", "target_weights")


def _add_node(columns: dict[str, list[Any]], tree: int, number: int, node: Any) -> None:
    leaf = bool(node["is_leaf"])
    values = (
        tree,
        number,
        0 if leaf else int(node["feature_idx"]),
        0.0 if leaf else _below(float(node["num_threshold"])),
        "LEAF" if leaf else "BRANCH_LEQ",
        0 if leaf else int(node["left"]),
        0 if leaf else int(node["right"]),
        0 if leaf else int(node["missing_go_to_left"]),
    )
    for name, value in zip(_NODE, values, strict=True):
        columns[name].append(value)


def _below(threshold: float) -> float:
    """Return the largest float32 that is not above: no float32 changes its side by it."""
    rounded = np.float32(threshold)
    if float(rounded) > threshold:
        rounded = np.nextafter(rounded, np.float32(-np.inf))
    return float(rounded)
