"""From everything known to the next experiments by a model: learn, weigh, choose, say why."""
