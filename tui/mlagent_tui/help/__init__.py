"""Which keys do what, from the bindings themselves."""
