"""Small databases that speak OPTIMADE."""


def entry(i, *, structure=True, **more):
    """A rock-salt oxide as OPTIMADE gives it; its lattice constant and its gap follow its number."""
    metal = ("Mn", "Fe", "Co", "Ni")[i % 4]
    told = {
        "chemical_formula_reduced": f"{metal}O", "elements": [metal, "O"], "nelements": 2, "nsites": 2,
        "last_modified": "2024-01-01T00:00:00Z", "_exmpl_band_gap": 0.001 * i,
    }  # fmt: skip
    if structure:
        a = 4.0 + 0.001 * (i % 500)
        told |= {
            "lattice_vectors": [[a, 0, 0], [0, a, 0], [0, 0, a]], "dimension_types": [1, 1, 1],
            "cartesian_site_positions": [[0, 0, 0], [a / 2, a / 2, a / 2]], "species_at_sites": [metal, "O"],
            "species": [
                {"name": name, "chemical_symbols": [name], "concentration": [1.0]} for name in (metal, "O")
            ],
        }  # fmt: skip
    return {"id": f"r-{i}", "type": "structures", "attributes": {**told, **more}}


class Database:
    """A small database; `trouble(asked, offset, page)` may change the page, or answer instead (then it is true)."""

    def __init__(self, serve, entries, trouble=None, returned=True):
        self.entries, self.trouble, self.returned = list(entries), trouble, returned
        self.web = serve(self.answer)
        self.url = self.web.url

    @property
    def pages(self):
        """The offsets that were asked for, in order."""
        return [int(params.get("page_offset", 0)) for path, _, params in self.web.log if path == "/v1/structures"]

    def answer(self, asked):
        if asked.path == "/v1/info":
            return asked.send({"data": {"attributes": {"available_licenses_for_entries": ["CC-BY-4.0"]}}})
        if asked.path == "/v1/info/structures":
            return asked.send({"data": {"properties": {"nsites": {}, "_exmpl_band_gap": {"unit": "eV"}}}})
        size, start = int(asked.params.get("page_limit", 20)), int(asked.params.get("page_offset", 0))
        part = self.entries[start : start + size]
        more = start + size < len(self.entries)
        link = f"{self.url}/v1/structures?page_limit={size}&page_offset={start + size}" if more else None
        page = {
            "data": part, "links": {"next": link},
            "meta": {"more_data_available": more, **({"data_returned": len(self.entries)} if self.returned else {})},
        }  # fmt: skip
        if self.trouble is not None and self.trouble(asked, start, page):
            return None
        return asked.send(page, packed=True)
