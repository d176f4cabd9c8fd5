from textual.screen import Screen


class AutopilotScreen(Screen[None]):
    pass
