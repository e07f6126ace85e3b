# %% [markdown]
# A first day in a notebook: data frames in, data frames out. Each cell is run as a notebook's is.

# %%
import pandas as pd
from sklearn.model_selection import GridSearchCV

import vgae

messages = pd.DataFrame(
    {
        "id": range(1, 10),
        "sender": ["ann", "bob", "cid", "dan", "eve", "fay", "cid", "bob", "gil"],
        "receiver": ["bob", "cid", "ann", "eve", "fay", "dan", "dan", "ann", "ann"],
        "n": [5, 2, 1, 4, 2, 2, 1, 3, 1],
    }
)
people = pd.DataFrame(
    {
        "age": [31, 45, 28, 39, 52, 33, 41],
        "city": ["Oslo", "Oslo", "Bergen", "Bergen", "Oslo", "Bergen", "Oslo"],
    },
    index=["ann", "bob", "cid", "dan", "eve", "fay", "gil"],
)

# %%
graph = vgae.as_graph(messages, features=people, weight="n", standardize=True)
graph

# %%
assert graph.reading is not None
assert (graph.reading.source.name, graph.reading.target.name) == ("sender", "receiver")
assert graph.n_features == 3  # age, and a column for each city
print(graph.reading)

# %%
model = vgae.VGAE(latent_dim=4, steps=30).fit(graph, verbose=True)
model

# %%
assert "7 nodes" in repr(model)
links = model.recommend(k=5, as_frame=True)
links

# %%
assert list(links) == ["source", "target", "probability"]
asked = pd.DataFrame({"source": ["ann", "eve"], "target": ["dan", "gil"]})
asked["probability"] = model.predict_proba(asked)
assert (asked["probability"] == model.predict_proba((asked["source"], asked["target"]))).all()
embedding = model.embedding_frame()
assert embedding.loc["ann"].shape == (4,)
assert len(model.history_frame()) == 30

# %%
model.map()

# %%
# One line and no long traceback for a slip: the table goes to `features`.
try:
    vgae.VGAE(steps=5).fit(messages, people)
except vgae.InputError as error:
    assert "features=" in str(error)

# %%
karate = vgae.load_dataset("karate")
search = GridSearchCV(vgae.VGAE(steps=10), {"latent_dim": [2, 4]}, cv=3, error_score="raise")
search.fit(karate.ids[karate.edges], nodes=karate)
assert search.best_params_["latent_dim"] in (2, 4)

# %%
result = vgae.evaluate(karate, ["gae", "katz"], runs=3, steps=10)
result

# %%
scores = result.to_frame()
assert set(scores["method"]) == {"gae", "katz"}
vectors = vgae.GAE(steps=10).set_output(transform="pandas").fit_transform(karate)
assert vectors.index.tolist() == karate.ids.tolist()
