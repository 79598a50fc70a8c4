"""The names of a run folder's files, and the format that they are in."""

FORMAT = 1

CONFIG = "config.yaml"
LOCK = "in-use.lock"
ENVIRONMENT = "environment.json"
METRICS = "metrics.jsonl"
RESULT = "result.json"
RANKS = "ranks.parquet"
PENDING = "pending"  # in a result, while more than its ranking is still to be found out
NEGATIVES = "negatives.json"
CALIBRATION = "calibration.json"
TRACKED = "tracked.json"  # under which ids trackers know the run
CHECKPOINTS = "checkpoints"
MODEL = "model"  # a folder of the next four
MODEL_CONFIG = "config.json"
WEIGHTS = "model.safetensors"
ENTITIES = "entities.parquet"
RELATIONS = "relations.parquet"
DATA = "data.json"  # which data set it was, and where
STATEMENTS = "statements.parquet"  # only of data that can be had from nowhere else
ATTRIBUTES = "attributes.safetensors"  # what belongs to them
TEST_GRAPH = "test_graph"  # a folder of the same
PACK = "pack.json"  # only of what was packed for others: what came along
TUNED = "tuned.json"  # only of the winner of a study: how its settings were chosen
CARD = "README.md"  # and what it is, for people
STUDY = "study.yaml"  # only of a study, whose runs are in folders of it
