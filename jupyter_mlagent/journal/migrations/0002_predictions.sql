-- What was expected of a step before its trial; all null where nothing was.
ALTER TABLE steps ADD COLUMN predicted REAL;
ALTER TABLE steps ADD COLUMN predicted_low REAL;
ALTER TABLE steps ADD COLUMN predicted_high REAL;
ALTER TABLE steps ADD COLUMN predicted_works REAL;
ALTER TABLE steps ADD COLUMN predicted_neighbours INTEGER;
CREATE INDEX steps_predicted ON steps (predicted) WHERE predicted IS NOT NULL;

-- Steps that the person does not want to be drawn on in other notebooks.
CREATE TABLE removed_insights (
    step INTEGER PRIMARY KEY REFERENCES steps (id) ON DELETE CASCADE,
    removed_at TEXT NOT NULL
);
