"""A network cut in two where training begins: what is frozen, and what is trained on top of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from timm.layers import get_notrace_modules
from torch import Tensor, fx, nn
from torch.nn import functional


@dataclass(frozen=True)
class Halves:
    """`trained(*frozen(pixels))` is `network(pixels)`: both halves hold the network's own modules, no copies.

    `frozen`: uint8 pixels (N, height, width, 3) → a tuple of tensors (N, *shape), one for each of `shapes`; what it
    gives for an image is the same in every epoch. `trained`: those tensors → logits (N, classes). Training or
    evaluation mode is set on the network, never on a half.
    """

    frozen: fx.GraphModule
    trained: fx.GraphModule
    shapes: tuple[tuple[int, ...], ...]


def cut_at_freeze(network: nn.Module, example: Tensor) -> Halves | None:
    """Divide a network at its freeze boundary; None where it is trained from its first layer on.

    The network is traced (torch.fx) only inside modules that hold both frozen and trained parameters; an operation is
    frozen where nothing trained comes before it. The cut may go through several tensors at once: inside a residual
    block through its shortcut and its branch. `example`: uint8 (2, height, width, 3).
    Raises `torch.fx.proxy.TraceError` where such a module decides by its values which way to go.
    """
    training = network.training
    network.train()  # so that the layers which a training step makes random say so
    whole = fx.GraphModule(network, _Tracer().trace(network))
    _make_dropout_switchable(whole, network)
    trained = _find_trained(whole)
    values = _Values(whole)
    network.eval()
    with torch.no_grad():
        values.run(example)
    network.train(training)
    for node in reversed(whole.graph.nodes):
        # Sizes and the like are no features: they are computed again above the cut.
        if node.op != "placeholder" and node not in values.shape and trained.intersection(node.users):
            trained.add(node)
    fed = _find_fed(whole)
    cut = [node for node in whole.graph.nodes if node in fed and node not in trained and trained & set(node.users)]
    below = [node for node in fed if node not in trained and _parameters(whole, node)]
    if not below:
        return None
    return Halves(
        frozen=_lower_half(whole, cut),
        trained=_upper_half(whole, cut, trained),
        shapes=tuple(values.shape[node][1:] for node in cut),
    )


class _Tracer(fx.Tracer):
    """Looks into a module only where some of its parameters are trained and others are not."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        mixed = len({parameter.requires_grad for parameter in m.parameters()}) > 1
        return not mixed or isinstance(m, tuple(get_notrace_modules()))


class _Values(fx.Interpreter):
    """Remembers the shape of each node that gives a tensor."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.shape: dict[fx.Node, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor):
            self.shape[n] = tuple(value.shape)
        return value


class _Dropout(nn.Module):
    """Follows the mode of the whole network, as the `functional.dropout` did whose place it takes."""

    def __init__(self, rate: float, network: nn.Module) -> None:
        super().__init__()
        self.p = rate
        self.network = (network,)  # in a tuple, so that it does not become a part of this one

    def forward(self, features: Tensor) -> Tensor:
        return functional.dropout(features, self.p, self.network[0].training)


def _make_dropout_switchable(whole: fx.GraphModule, network: nn.Module) -> None:
    """Tracing has written down for good whether the network was training; a module can still tell."""
    calls = [node for node in whole.graph.nodes if node.target is functional.dropout]
    for number, node in enumerate(calls):
        rate = node.kwargs.get("p", node.args[1] if len(node.args) > 1 else 0.5)
        whole.add_submodule(f"dropout_{number}", _Dropout(rate, network))
        with whole.graph.inserting_after(node):
            instead = whole.graph.call_module(f"dropout_{number}", (node.all_input_nodes[0],))
        node.replace_all_uses_with(instead)
        whole.graph.erase_node(node)


def _find_trained(whole: fx.GraphModule) -> set[fx.Node]:
    """Nodes with trained parameters or with chance in them, and all that follow from them."""
    trained: set[fx.Node] = set()
    for node in whole.graph.nodes:
        by_itself = any(parameter.requires_grad for parameter in _parameters(whole, node)) or _is_random(whole, node)
        if node.op == "output" or by_itself or trained & set(node.all_input_nodes):
            trained.add(node)
    return trained


def _find_fed(whole: fx.GraphModule) -> set[fx.Node]:
    """Nodes that depend on the images; the others (a frozen position embedding) are constants."""
    fed: set[fx.Node] = set()
    for node in whole.graph.nodes:
        if node.op == "placeholder" or fed & set(node.all_input_nodes):
            fed.add(node)
    return fed


def _parameters(whole: fx.GraphModule, node: fx.Node) -> list[nn.Parameter]:
    if node.op == "call_module":
        return list(whole.get_submodule(str(node.target)).parameters())
    if node.op == "get_attr":
        owner, _, name = str(node.target).rpartition(".")
        value = getattr(whole.get_submodule(owner), name)
        return [value] if isinstance(value, nn.Parameter) else []
    return []


def _is_random(whole: fx.GraphModule, node: fx.Node) -> bool:
    if node.op != "call_module":
        return False
    inside = whole.get_submodule(str(node.target)).modules()
    return any(each.training and (getattr(each, "p", 0) or getattr(each, "drop_prob", 0)) for each in inside)


def _lower_half(whole: fx.GraphModule, cut: list[fx.Node]) -> fx.GraphModule:
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    needed = _ancestors(cut)
    for node in whole.graph.nodes:
        if node in needed:
            copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output(tuple(copies[node] for node in cut))
    return fx.GraphModule(whole, graph)


def _upper_half(whole: fx.GraphModule, cut: list[fx.Node], trained: set[fx.Node]) -> fx.GraphModule:
    graph = fx.Graph()
    copies = {node: graph.placeholder(f"features_{number}") for number, node in enumerate(cut)}
    needed = _ancestors(list(trained), stop=set(cut))
    for node in whole.graph.nodes:
        if node in needed and node not in copies:
            copies[node] = graph.node_copy(node, copies.__getitem__)
    return fx.GraphModule(whole, graph)


def _ancestors(nodes: list[fx.Node], stop: set[fx.Node] | None = None) -> set[fx.Node]:
    """The nodes and all that they are computed from, not going past `stop`."""
    found: set[fx.Node] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += [] if stop and node in stop else node.all_input_nodes
    return found
