"""How much of a TFLite file XNNPACK runs, as the runtime itself tells.

XNNPACK takes over runs of neighbouring nodes, a partition each. A node that stays outside is run
by a slow kernel, and what crosses the border is copied, so a phone wants one partition and nothing
outside. `experimental` names in LiteRT change: the one private call is `_get_ops_details`, for
which LiteRT has no public counterpart with numbers (`CompiledModel.is_fully_accelerated` says yes
or no, and a test holds it against this module).
"""

from __future__ import annotations

from pathlib import Path

from fer_tf.errors import FerError

DELEGATE = "DELEGATE"


def delegation(file: str | Path) -> tuple[int, list[str]]:
    """Load a TFLite file as a client does and ask which nodes XNNPACK runs.

    After delegation the runtime still lists the nodes that a partition has replaced. What really
    runs is found from the outputs backwards: a tensor comes from a partition if one makes it,
    from a node outside otherwise.

    Args:
        file: path of a TFLite file.

    Returns:
        The number of partitions, and the operations of the nodes outside, in the order of the
        graph, such as ["CAST"].

    Raises:
        FerError: LiteRT cannot read the file.
    """
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(str(file), num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise FerError(f"{file}: expected a TFLite file, found {error}") from error
    nodes = interpreter._get_ops_details()
    makers = {}
    for node in sorted(nodes, key=lambda node: node["op_name"] == DELEGATE):
        makers.update(dict.fromkeys(node["outputs"].tolist(), node["index"]))
    given = {tensor["index"] for tensor in interpreter.get_input_details()}
    wanted = [tensor["index"] for tensor in interpreter.get_output_details()]
    seen: set[int] = set()
    running: set[int] = set()
    while wanted:
        tensor = wanted.pop()
        if tensor in seen or tensor in given or tensor not in makers:
            continue
        seen.add(tensor)
        running.add(makers[tensor])
        wanted.extend(nodes[makers[tensor]]["inputs"].tolist())
    names = [nodes[index]["op_name"] for index in sorted(running)]
    return names.count(DELEGATE), [name for name in names if name != DELEGATE]
