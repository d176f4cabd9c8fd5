"""The settings as a form, made from their one definition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, get_args, get_type_hints

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Checkbox, Footer, Input, Select, Static

from mlagent_tui.settings.model import Settings


class SettingsScreen(ModalScreen[Settings | None]):
    """Dismissed with the new settings, or None when nothing is to change."""

    CSS_PATH = "screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "keep", "Keep", id="settings.keep", priority=True),
        Binding("escape", "leave", "Cancel", id="settings.cancel"),
    ]

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings

    def compose(self) -> ComposeResult:
        with Vertical(id="settings"):
            yield Static("Settings", classes="settings--title")
            with VerticalScroll(can_focus=False):
                for name, description in described_fields():
                    yield Static(f"{name.replace('_', ' ')}", classes="settings--name")
                    yield self._field(name)
                    yield Static(description, classes="settings--help", markup=False)
            yield Static("", id="settings-problem", markup=False)
            yield Footer()

    def _field(self, name: str) -> Input | Checkbox | Select[str]:
        value = getattr(self._settings, name)
        if name == "theme":
            themes = sorted(self.app.available_themes)
            shown = value if value in themes else themes[0]
            return Select(
                [(theme, theme) for theme in themes], value=shown, allow_blank=False, id=name, compact=True
            )
        if isinstance(value, bool):
            return Checkbox(on_or_off(value), value, id=name, compact=True)
        return Input(str(value), id=name, compact=True)

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        # Without colours the box looks the same either way.
        event.checkbox.label = on_or_off(event.value)

    def action_keep(self) -> None:
        values: dict[str, Any] = {}
        for name, _ in described_fields():
            field = self.query_one(f"#{name}")
            values[name] = getattr(field, "value", "")
        try:
            settings = msgspec.convert(values, Settings, strict=False)
        except msgspec.ValidationError as error:
            self.query_one("#settings-problem", Static).update(f"{error}")
            return
        self.dismiss(settings)

    def action_leave(self) -> None:
        self.dismiss(None)


def on_or_off(value: bool) -> str:
    return "on" if value else "off"


def described_fields() -> Iterator[tuple[str, str]]:
    """Name and meaning of every setting."""
    for name, hint in get_type_hints(Settings, include_extras=True).items():
        if name in Settings.__struct_fields__ and hasattr(hint, "__metadata__"):
            meta = next(part for part in get_args(hint) if isinstance(part, msgspec.Meta))
            yield name, meta.description or ""
