"""The words that statements are told apart by."""

SPLITS = ("train", "valid", "test")
POLARITIES = ("stated", "denied")
