"""Reading the metric so that a cell cannot fake it.

A judge, forked from pristine memory, evaluates the expression with the labels, scorers and libraries of
before the cell. Of what the cell made, only data enters: models and their inputs, unpickled from trusted
classes alone.
"""
