from textual.screen import Screen


class LearningScreen(Screen[None]):
    pass
