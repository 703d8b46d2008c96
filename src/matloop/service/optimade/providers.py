"""Prefixes of the providers that are registered at https://providers.optimade.org (November 2025)."""

PREFIXES = frozenset((
    "aflow", "aiida", "alexandria", "ccdc", "ccpnc", "cmr", "cod", "exmpl", "httk", "jarvis", "matcloud",
    "matterverse", "mcloud", "mcloudarchive", "mp", "mpdd", "mpds", "mpod", "nmd", "odbx", "omdb", "optimade",
    "optimake", "oqmd", "pcod", "psdi", "tcod", "twodmatpedia",
))  # fmt: skip
