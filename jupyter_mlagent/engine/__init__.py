"""The engines that sample from a policy, and the catalog of models they load."""
