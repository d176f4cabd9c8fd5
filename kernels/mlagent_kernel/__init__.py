"""What runs inside a person's kernel: the probe, the try engines and the guard.

Standard library and IPython only, Python 3.9 or newer, relative imports only: the host sends these sources
into kernels that do not have the package installed (boot.py), under a private name.
"""
