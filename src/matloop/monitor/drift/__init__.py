"""Whether what is asked has changed: features, chemistry, the whole."""

from matloop.monitor.drift.compare import Drift, drift
from matloop.monitor.drift.follow import Followed, follow

__all__ = ["Drift", "Followed", "drift", "follow"]
