"""What keys say to a search: pause, stop, prune, pin, hint, look, keep a path, write the tree to a file."""

from __future__ import annotations

from pathlib import Path

from jupyter_mlagent.search.commands import (
    SearchCommand,
    SearchHint,
    SearchLook,
    SearchPause,
    SearchPin,
    SearchPrune,
    SearchRestore,
    SearchResume,
    SearchStop,
)
from jupyter_mlagent.search.node import Status
from jupyter_mlagent.search.view import NodeDetail, NodeView
from mlagent_tui.desk.events import Said
from mlagent_tui.deskscreen import DeskScreen
from mlagent_tui.dialogs.choice import Answer, ChoiceScreen
from mlagent_tui.search.tree import TreeSheet


class SearchActions(DeskScreen):
    """Actions of the search screen; the bindings stand there."""

    @property
    def _node(self) -> NodeView | None:
        return self.query_one(TreeSheet).chosen

    def _say(self, command: SearchCommand) -> None:
        self.attempt(self.desk.explorer.obey(command), group="search")

    def action_pause(self) -> None:
        record = self.desk.explorer.record
        self._say(SearchResume() if record is not None and record.paused else SearchPause())

    def action_stop(self) -> None:
        self._say(SearchStop())

    def action_prune(self) -> None:
        node = self._node
        if node is not None and node.parent is not None:
            pruned = node.status is Status.PRUNED
            self._say(SearchRestore(node=node.id) if pruned else SearchPrune(node=node.id))

    def action_pin(self) -> None:
        if self._node is not None:
            self._say(SearchPin(node=self._node.id, pinned=not self._node.pinned))

    def action_hint(self) -> None:
        from mlagent_tui.dialogs.line import LineScreen

        node = self._node
        if node is None:
            return

        def given(text: str | None) -> None:
            if text is not None:
                self._say(SearchHint(node=node.id, text=text))

        where = "the whole search" if node.parent is None else f"node {node.id} and what grows from it"
        self.app.push_screen(
            LineScreen(f"A hint for {where}", value=node.hint, placeholder="empty takes it back"), given
        )

    def action_look(self) -> None:
        if self._node is not None:
            self.attempt(self._look(self._node))

    async def _look(self, node: NodeView) -> None:
        from mlagent_tui.search.at_node import NotebookAtNode

        detail = await self.desk.explorer.obey(SearchLook(node=node.id))
        if not isinstance(detail, NodeDetail) or not detail.cells:
            return
        name = "as the search found it" if node.parent is None else f"in node {node.id} of the search"
        title = f"{self.desk.path.name} {name}: to be read, nothing has run here"

        def wanted(keep: bool | None) -> None:
            if keep:
                self.action_keep()

        self.app.push_screen(NotebookAtNode(title, detail.cells, detail.cells[-1].id), wanted)

    def action_keep(self) -> None:
        node = self._node
        if node is None or node.parent is None or not node.works:
            self.desk.post(Said("Choose a step that worked; its path is what is kept."))
            return
        searching = self.desk.explorer.searching
        detail = "The cells of this path run in your kernel; unless it confirms the gain they go again."
        if searching:
            detail = f"The search ends. {detail}"

        def answered(answer: str | None) -> None:
            if answer == "keep":
                self.attempt(self.desk.explorer.keep(node.id))

        answers = [Answer("y", "Keep it", "keep"), Answer("c", "Cancel", "cancel")]
        question = f"Put the path to node {node.id} into the notebook?"
        self.app.push_screen(ChoiceScreen(question, answers, detail=detail), answered)

    def action_export(self) -> None:
        from mlagent_tui.dialogs.line import LineScreen

        path = self.desk.path
        suggested = path.with_name(f"{path.stem}-search.html")

        def named(name: str | None) -> None:
            if name:
                self.attempt(self._export(Path(name).expanduser()))

        text = "One page that needs nothing else; a name ending in .json gives AIDE's journal."
        self.app.push_screen(LineScreen("Write the tree to", text=text, value=str(suggested)), named)

    async def _export(self, path: Path) -> None:
        await self.desk.explorer.export(path)
        self.desk.post(Said(f"Wrote {path}."))

    def action_undo(self) -> None:
        self.try_to(self.desk.undo)
