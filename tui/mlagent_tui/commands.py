"""The command palette: every action that is possible now, by name, with its key."""

from __future__ import annotations

from collections.abc import Iterator

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.scroll_view import ScrollView


class DeskCommands(Provider):
    """What the footer offers, and what it has no room for; actions that are off now are left out."""

    def _commands(self) -> Iterator[tuple[str, str, str]]:
        """Name, key, action."""
        seen: set[str] = set()
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if isinstance(active.node, ScrollView):
                continue  # how to move is on the help screen; nobody searches for "up"
            if binding.description and active.enabled and binding.action not in seen and not binding.system:
                seen.add(binding.action)
                yield binding.description, self.app.get_key_display(binding), binding.action
        if "change_theme" not in seen:
            yield "Theme", "", "app.change_theme"

    async def discover(self) -> Hits:
        for name, key, action in self._commands():
            yield DiscoveryHit(name, self._runner(action), help=f"key: {key}" if key else None)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, key, action in self._commands():
            score = matcher.match(name)
            if score > 0:
                shown = matcher.highlight(name)
                yield Hit(score, shown, self._runner(action), help=f"key: {key}" if key else None)

    def _runner(self, action: str):  # type: ignore[no-untyped-def]
        async def run() -> None:
            await self.screen.run_action(action)

        return run
