"""The curation page: what :mod:`gnnneg.curation` knows, in a browser and for other programs."""
