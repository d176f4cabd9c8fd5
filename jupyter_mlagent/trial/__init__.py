"""The host's side of trials: inject the kernel helper, choose a try engine, run, collect the report."""
