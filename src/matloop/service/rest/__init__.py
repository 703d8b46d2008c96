"""The store over HTTP: datasets, versions, records, differences; and changes to them."""
