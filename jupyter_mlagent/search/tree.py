"""The search tree: which state to expand next, and what each trial means for the states above it.

Pure: no clock, no processes, no model. Given the same settings, and the same trials in the same order, it
is the same tree; so a search that was killed goes on from the list of its `Growth`s.

Selection is UCT (Kocsis and Szepesvari 2006; ML-Master, arXiv 2506.16499, section 3.1) with an exploration
constant that decays. Different from the published search: values are in [0, 1] and come from the reward
module (theirs are small integers); a worker lends virtual visits to its branch, so that others take another
one (Chaslot et al. 2008); and an expansion that fails gives back what it had lent, whatever happened to it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Direction, Operator, Proposal, Record, Trial
from jupyter_mlagent.reward.reward import RewardConfig
from jupyter_mlagent.search.endings import stalled, why_ended
from jupyter_mlagent.search.node import Node, next_hash
from jupyter_mlagent.search.settings import SearchSettings, exploration_at
from jupyter_mlagent.search.value import is_better, value_of, works

ROOT = 0


class Lease(Record):
    """The right, and the duty, to expand a node: ends with `finish`, `fail` or `release`."""

    id: int
    node: int
    operator: Operator
    width: int
    """Children to make, at most."""
    exploration: float
    """The exploration constant it was chosen with."""


class Growth(Record, tag="growth"):
    """One tried step as the tree took it in: what a search is rebuilt from."""

    parent: int
    proposal: Proposal
    trial: Trial


class Tree:
    def __init__(
        self,
        *,
        state_hash: str,
        metric: float | None,
        direction: Direction | None,
        settings: SearchSettings | None = None,
        reward: RewardConfig | None = None,
        operator: Operator = Operator.DRAFT,
    ) -> None:
        """`state_hash`, `metric`: of the notebook as it stands; `operator`: what the first steps are."""
        self.settings = settings or SearchSettings()
        self.reward = reward or RewardConfig()
        self.direction = direction
        self.nodes = [Node(ROOT, None, 0, state_hash, metric, works=operator is not Operator.DEBUG)]
        self.growths: list[Growth] = []
        self.first_operator = operator
        self._leases: dict[int, Lease] = {}
        self._count = 0
        self._redrafts = 0

    # -- selection

    def select(self, progress: float = 0.0, most: int | None = None) -> Lease | None:
        """The next node to expand, leased; None while nothing can be.

        `progress`: share of the budget that is spent, in [0, 1]; `most`: children that the budget allows.
        """
        exploration = exploration_at(progress, self.settings)
        node = self._choose(exploration)
        if node is None and not self._leases and self._redrafts < self.settings.redrafts:
            self._redrafts += 1
            node = self._choose(exploration)
        if node is None:
            return None
        operator = self._operator_in(node)
        width = min(self.settings.width, self._room(node), most or self.settings.width)
        lease = Lease(id=self._count, node=node.id, operator=operator, width=width, exploration=exploration)
        self._count += 1
        self._leases[lease.id] = lease
        node.leases += 1
        node.reserved += width
        for above in self.lineage(node.id):
            above.virtual += 1
        return lease

    @property
    def exhausted(self) -> bool:
        """Whether every branch has ended and no expansion is under way."""
        return not self._leases and self._redrafts >= self.settings.redrafts and self._choose(0.0) is None

    def uct(self, node: Node, exploration: float) -> float:
        """Q(v) / N(v) + C * sqrt(ln N(parent) / N(v)), virtual visits counted in both N.

        Finite: a node is made by its own trial, so its N is at least 1.
        """
        above = self.nodes[node.parent or ROOT]
        visits, around = node.visits + node.virtual, above.visits + above.virtual
        return node.value / visits + exploration * math.sqrt(math.log(max(around, 1)) / visits)

    def _choose(self, exploration: float) -> Node | None:
        pinned = [node for node in self.nodes if node.pinned and self.in_search(node)]
        for node in sorted(pinned, key=lambda node: (node.visits + node.virtual, node.id)):
            found = self._descend(node, exploration)
            if found is not None:
                return found
        return self._descend(self.nodes[ROOT], exploration)

    def _descend(self, node: Node, exploration: float) -> Node | None:
        """The node itself while it has room, else the first below it that has, by UCT."""
        if node.pruned:
            return None
        if self._is_open(node):
            return node
        children = [self.nodes[child] for child in node.children]
        children.sort(key=lambda child: (-self.uct(child, exploration), self._lot(child)))
        for child in children:
            found = self._descend(child, exploration)
            if found is not None:
                return found
        return None

    def _lot(self, node: Node) -> bytes:
        """Decides between equals: fair over the seeds, the same for the same seed."""
        return hashlib.blake2b(f"{self.settings.seed}:{node.id}".encode(), digest_size=8).digest()

    def _is_open(self, node: Node) -> bool:
        """Several workers may draft at once; any other node has one at a time, who sees its siblings."""
        free = node.id == ROOT or not node.leases
        return free and not node.ended and self._room(node) > 0

    def _room(self, node: Node) -> int:
        settings = self.settings
        if node.id == ROOT:
            most = settings.drafts * (1 + self._redrafts)
        else:
            most = settings.improvements if node.works else settings.repairs
        return most - len(node.children) - node.reserved

    def _operator_in(self, node: Node) -> Operator:
        if node.id == ROOT:
            return self.first_operator
        return Operator.IMPROVE if node.works else Operator.DEBUG

    # -- growth

    def finish(self, lease: Lease, tried: Sequence[tuple[Proposal, Trial]]) -> list[Node]:
        """Take in what an expansion tried, at most `lease.width` steps; the lease ends.

        An expansion that found nothing to try counts as failed, so that no node is asked for ever.
        """
        self._return(lease)
        if len(tried) > lease.width:
            raise MlagentError(f"An expansion for {lease.width} steps brought {len(tried)}.")
        grown = [self.grow(lease.node, proposal, trial) for proposal, trial in tried]
        if grown:
            self.nodes[lease.node].failures = 0
        else:
            self._blame(self.nodes[lease.node], "no new step was found")
        return grown

    def fail(self, lease: Lease, reason: str) -> None:
        """The expansion failed (not its steps: those are trials); after some retries the node is given up."""
        self._return(lease)
        self._blame(self.nodes[lease.node], reason)

    def release(self, lease: Lease) -> None:
        """The expansion was called off; nobody is to blame."""
        self._return(lease)

    def grow(self, parent_id: int, proposal: Proposal, trial: Trial) -> Node:
        """Add one tried step below a node and carry its value up to the root."""
        parent = self.nodes[parent_id]
        best = self.best
        worth = value_of(
            trial,
            base=self.nodes[ROOT].metric,
            best=best.metric if best else self.nodes[ROOT].metric,
            direction=self.direction,
            config=self.reward,
            settings=self.settings,
        )
        good = works(trial, self.direction)
        node = Node(
            id=len(self.nodes),
            parent=parent.id,
            depth=parent.depth + 1,
            state_hash=next_hash(parent.state_hash, proposal.code) if good else parent.state_hash,
            metric=trial.metric_after if good else parent.metric,
            works=good,
            proposal=proposal,
            trial=trial,
            scored=worth.scored,
            own_value=worth.value,
            best_when_grown=worth.best,
        )
        node.debug_depth = 0 if good or parent.works else parent.debug_depth + 1
        node.stalled = stalled(node, parent, self.direction, self.reward, self.settings)
        node.ended = why_ended(node, self.settings)
        self.nodes.append(node)
        self.growths.append(Growth(parent=parent.id, proposal=proposal, trial=trial))
        parent.children.append(node.id)
        if good and not parent.works and parent.id != ROOT:
            parent.ended = "It was repaired."
        for above in self.lineage(node.id):
            above.visits += 1
            above.value += node.own_value
        self._redrafts = max(self._redrafts, (len(self.nodes[ROOT].children) - 1) // self.settings.drafts)
        return node

    def rebuild(self, growths: Iterable[Growth]) -> None:
        """Grow what another tree of the same root and settings had grown."""
        for growth in growths:
            if not 0 <= growth.parent < len(self.nodes):
                raise MlagentError("The saved search is damaged: a step's parent is missing.")
            self.grow(growth.parent, growth.proposal, growth.trial)
        self._count = max(self._count, len(self.growths))  # seeds rest on it: other replies than before

    def _return(self, lease: Lease) -> None:
        if self._leases.pop(lease.id, None) is None:
            raise MlagentError("This expansion has ended already.")
        node = self.nodes[lease.node]
        node.leases -= 1
        node.reserved -= lease.width
        for above in self.lineage(node.id):
            above.virtual -= 1

    def _blame(self, node: Node, reason: str) -> None:
        node.failures += 1
        if node.failures >= self.settings.retries:
            node.ended = f"It was given up after {node.failures} attempts: {reason}"

    # -- what the person does

    def prune(self, node_id: int, reason: str = "Pruned by hand.") -> None:
        """Take a branch out of the search and out of what may be the best."""
        if node_id == ROOT:
            raise MlagentError("The notebook itself cannot be pruned; stop the search instead.")
        self.node(node_id).pruned = reason

    def restore(self, node_id: int) -> None:
        """The opposite of `prune`."""
        self.node(node_id).pruned = ""

    def pin(self, node_id: int, pinned: bool = True) -> None:
        """Let the search go on below this node for as long as it can."""
        self.node(node_id).pinned = pinned

    def hint(self, node_id: int, text: str) -> None:
        """What the person wants of this branch: for every prompt from here on down."""
        self.node(node_id).hint = text.strip()

    # -- what was found

    def node(self, node_id: int) -> Node:
        """Raises MlagentError for an id that no node has."""
        if not 0 <= node_id < len(self.nodes):
            raise MlagentError(f"There is no node {node_id} in the search.")
        return self.nodes[node_id]

    def lineage(self, node_id: int) -> Iterator[Node]:
        """A node and those above it, up to the root."""
        at: int | None = node_id
        while at is not None:
            yield self.nodes[at]
            at = self.nodes[at].parent

    def path(self, node_id: int) -> list[Node]:
        """The steps that lead to a node's live state, oldest first: those that worked, as cells to insert."""
        return [node for node in reversed([*self.lineage(node_id)]) if node.works and node.id != ROOT]

    @property
    def best(self) -> Node | None:
        """The state with the best metric that betters the notebook's own; of equals the first. None: none."""
        found = self.nodes[ROOT]
        for node in self.nodes[1:]:
            if node.works and is_better(node.metric, found.metric, self.direction) and self.in_search(node):
                found = node
        return None if found.id == ROOT else found

    @property
    def best_path(self) -> list[Node]:
        """The steps to the best state, ready as ordinary cells; empty while nothing betters the notebook."""
        best = self.best
        return [] if best is None else self.path(best.id)

    @property
    def leases(self) -> tuple[Lease, ...]:
        return tuple(self._leases.values())

    def hint_for(self, node_id: int) -> str:
        """The nearest hint above a node, its own first."""
        return next((node.hint for node in self.lineage(node_id) if node.hint), "")

    def in_search(self, node: Node) -> bool:
        """Whether neither the node nor one above it is pruned."""
        return not any(above.pruned for above in self.lineage(node.id))
