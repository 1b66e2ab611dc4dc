"""The intermediate representation: types, programs, their verifier, printer and hash."""
