"""The fast operations that the rest of the package is built on."""

from gnnneg.kernels import compiled  # noqa: F401  # before the first kernel, because it sets the cache folder
