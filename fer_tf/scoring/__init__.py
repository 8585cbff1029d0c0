"""Archives to a table: inputs are listed once, divided into parts, and a part becomes a file."""
