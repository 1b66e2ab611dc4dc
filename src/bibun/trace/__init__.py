"""Tracing: `bind`, the one point where every operation may be intercepted."""
