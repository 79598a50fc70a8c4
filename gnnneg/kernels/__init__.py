"""The operations that speed rests on."""

from gnnneg.kernels import compiled  # noqa: F401  # before the first kernel: where it is kept
