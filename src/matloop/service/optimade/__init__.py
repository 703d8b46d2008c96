"""The store as an OPTIMADE database: filter language to SQL, entries, pages of results.

Evans et al., Digital Discovery 3 (2024) 1509. doi:10.1039/D4DD00039K
"""
