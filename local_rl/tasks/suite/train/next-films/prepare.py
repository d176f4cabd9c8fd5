"""MovieLens ratings: each user's last ten films in time are the answers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import ANSWERS_FILE, SAMPLE_FILE, TEST_FILE, TRAIN_FILE

HIDDEN = 10


def prepare(public: Path, private: Path) -> None:
    ratings = r_table("dslabs", "movielens").rename(
        columns={"movieId": "film", "userId": "user", "timestamp": "time"}
    )
    films = ratings[["film", "title", "year", "genres"]].drop_duplicates("film").sort_values("film")
    films.to_csv(public / "films.csv", index=False)
    ratings = ratings.sort_values(["user", "time", "film"])
    hidden = ratings.groupby("user").cumcount(ascending=False) < HIDDEN
    train, test = ratings[~hidden], ratings[hidden]
    train[["user", "film", "rating", "time"]].to_csv(public / TRAIN_FILE, index=False)
    answers = test.groupby("user")["film"].agg(lambda group: " ".join(map(str, sorted(group))))
    answers = answers.rename("films").rename_axis("id").reset_index()
    answers.to_csv(private / ANSWERS_FILE, index=False)
    answers[["id"]].to_csv(public / TEST_FILE, index=False)
    common = " ".join(map(str, train["film"].value_counts().sort_index().nlargest(HIDDEN).index))
    pd.DataFrame({"id": answers["id"], "films": common}).to_csv(public / SAMPLE_FILE, index=False)
