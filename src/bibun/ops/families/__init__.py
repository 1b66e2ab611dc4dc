"""Families of ops: the defaults that members of a kind share."""
