"""Which tools are alike: whose laws speak where a tool's own calls are too few."""
