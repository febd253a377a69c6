# %% [markdown]
# # A model of your own
#
# Any LightGBM booster that gives a probability from a fleet's features can score it. Here one is trained on
# made-up windows of disk drives, so that the page runs anywhere; take yours from the feature store.
# %%
import lightgbm as lgb
import numpy as np

from chillcast.shipped import shipped
from models.features.schema import FeatureSchema
from models.fleet.fleet import load_fleet

schema = FeatureSchema(load_fleet(shipped("fleets") / "backblaze.toml"))
names = [name for name in schema.names if name.startswith("smart_5.") and name.endswith(".mean")]
rng = np.random.default_rng(1)
windows = rng.exponential(1.0, (4000, len(names)))
fails = rng.random(4000) < 1 / (1 + np.exp(5 - 2 * windows[:, 0]))
data = lgb.Dataset(windows, fails, feature_name=names)
booster = lgb.train({"objective": "binary", "verbose": -1, "seed": 1, "num_threads": 1}, data, 50)
print(len(schema), "features, of which the booster uses", names)
# %% [markdown]
# Five lines bring it to the workers. There is no champion yet, so that the gate only looks at speed and size.
# %%
from chillcast.models.modelling import Models

models = Models.open(home="own_model", fleet="backblaze")
version = models.register(booster, threshold=0.3)
print(models.verify(version))
models.promote(version, reason="the first of our own; rules were not measured beside it", override=True)
# %% [markdown]
# From now on `chillcast up --home own_model --fleet backblaze` scores with it. A second one has to show that
# it is no worse, on the same later slice as the champion; this one was never judged.
# %%
from models.errors import ModelError

second = models.register(booster, threshold=0.2)
try:
    models.promote(second, reason="a lower threshold")
except ModelError as error:
    print(error)
# %% [markdown]
# Somebody may know better. That is recorded, and it can be taken back.
# %%
models.promote(second, reason="tried by hand last week", override=True)
models.rollback(reason="too many calls at night")
for entry in models.history():
    print(entry["number"], entry["version"], entry["reason"], "|", entry["overridden"])
