"""HTTP/1.1 on the wire: connections on both sides, and what is parsed from and written to them."""
