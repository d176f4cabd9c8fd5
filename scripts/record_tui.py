"""The picture of the terminal app in the README: the real program on the example, real model and kernel.

    python scripts/record_tui.py [MODEL]

Writes docs/tui-dark.svg and docs/tui-light.svg, each a short film in one file: open, writing, ranked, the
change as a diff, accepted.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SIZE = (124, 34)
THEMES = {"dark": "textual-dark", "light": "textual-light"}
SECONDS = (2.5, 2.5, 5.0, 4.0, 4.0)
"""How long each picture stands."""


async def record(model: str | None) -> dict[str, list[str]]:
    """The pictures of each theme, in order."""
    from jupyter_mlagent.settings import SessionSettings
    from mlagent_tui.app import MlagentApp
    from mlagent_tui.desk.core import LocalCore
    from mlagent_tui.desk.status import KernelState, ModelState
    from mlagent_tui.proposals.board import Phase

    films: dict[str, list[str]] = {name: [] for name in THEMES}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copyfile(ROOT / "examples" / "breast_cancer.ipynb", Path(folder) / "cancer.ipynb"))
        app = MlagentApp(path, LocalCore(SessionSettings(), model, keep_journal=False))
        async with app.run_test(size=SIZE) as pilot:
            desk = app.desk
            board = desk.proposer.board

            async def take() -> None:
                app.clear_notifications()
                for name, theme in THEMES.items():
                    app.theme = theme
                    await pilot.pause()
                    films[name].append(app.export_screenshot(title="mlagent tui", simplify=True))
                app.theme = THEMES["dark"]

            await until(
                lambda: desk.status.kernel is KernelState.IDLE and desk.status.model is ModelState.READY
            )
            await pilot.pause(0.3)
            await take()
            await pilot.press("p")
            await until(lambda: sum(len(row.code) for row in board.rows) > 400 or board.phase is Phase.RANKED)
            await pilot.pause(0.3)
            await take()
            await until(lambda: board.phase in (Phase.RANKED, Phase.FAILED))
            await pilot.pause(0.5)
            await take()
            await pilot.press("d")
            await pilot.pause(0.3)
            await take()
            await pilot.press("a")
            await until(lambda: any(row.verdict for row in board.rows))
            await until(lambda: not desk.busy and desk.status.kernel is KernelState.IDLE)
            await pilot.pause(1.5)
            await take()
            await app.end()
    return films


async def until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.05)


def film(pictures: list[str]) -> str:
    """SVG pictures of one size as one SVG that shows them in turn; without animation, the ranked one."""
    head = re.match(r"<svg[^>]*>", pictures[0])
    assert head is not None
    total = sum(SECONDS)
    rules, groups, start = [], [], 0.0
    for number, (picture, seconds) in enumerate(zip(pictures, SECONDS, strict=True)):
        begins, ends = 100 * start / total, 100 * (start + seconds) / total
        shown = f"{begins:.2f}%,{ends:.2f}%{{visibility:visible}}"
        before = f"0%,{begins - 0.01:.2f}%{{visibility:hidden}}" if start else ""
        after = f"{ends + 0.01:.2f}%,100%{{visibility:hidden}}" if ends < 99.9 else ""
        rules.append(f"@keyframes shot{number}{{{before}{shown}{after}}}")
        rules.append(f".shot{number}{{animation:shot{number} {total:g}s step-end infinite;}}")
        body = re.sub(r"^<svg[^>]*>|</svg>\s*$", "", picture.strip())
        # A font from another server is refused inside a picture anyway.
        body = re.sub(r"@font-face \{.*?\}", "", body, flags=re.DOTALL)
        groups.append(f'<g class="shot shot{number}">{body}</g>')
        start += seconds
    still = ".shot{visibility:hidden}.shot2{visibility:visible}"
    return f"{head[0]}<style>{still}{''.join(rules)}</style>{''.join(groups)}</svg>\n"


def main() -> None:
    films = asyncio.run(record(sys.argv[1] if len(sys.argv) > 1 else None))
    for name, pictures in films.items():
        (ROOT / "docs" / f"tui-{name}.svg").write_text(film(pictures), encoding="utf-8")


if __name__ == "__main__":
    main()
