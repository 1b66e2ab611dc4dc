"""The `bibun` command. `bibun fit MODEL DATA` carries an analysis from a table to a report."""
