"""Tracing: where every call of an op may be intercepted, and how programs are written down."""
