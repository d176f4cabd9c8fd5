"""A notebook and kernel of a running Jupyter server, with the interface of those on this machine."""
