"""The words that statements are told apart by."""

SPLITS = ("train", "valid", "test")
POLARITIES = ("stated", "denied")
VERDICTS = "verdicts"  # who may win over training statements, whatever their polarity
