"""Authors' tools; `course` never imports them."""
