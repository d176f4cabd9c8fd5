"""The app's one notebook being worked on: file, kernel, model and session behind it. Knows no Textual.

What happens is told through one callable that takes the events of `events.py`; the app makes them messages.
"""
