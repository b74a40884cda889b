"""What answers calls: live upstreams and recordings."""
