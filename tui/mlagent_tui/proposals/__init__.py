"""Proposals: how they are asked for, what is known of each, how they are shown and decided on."""
