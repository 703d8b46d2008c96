"""Measures of how foreign a row is to the rows a model learnt from; each usable alone, none looks at a model."""

from matloop.core.registry import Registry

DOMAINS = Registry(
    "matloop.domains",
    relative_distance="matloop.doubt.domains.neighbours:RELATIVE",
    local_outlier="matloop.doubt.domains.neighbours:LOCAL_OUTLIER",
    nearest_neighbours="matloop.doubt.domains.neighbours:NEAREST",
    kernel_density="matloop.doubt.domains.density:METHOD",
    gaussian_process="matloop.doubt.domains.gaussian_process:METHOD",
    isolation_forest="matloop.doubt.domains.isolation:METHOD",
    leverage="matloop.doubt.domains.leverage:METHOD",
    ranges="matloop.doubt.domains.ranges:METHOD",
)
"""Methods by name; outside packages add theirs by entry points of the same group."""
