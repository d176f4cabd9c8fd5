-- Notebook states, shared by all requests made from them.
CREATE TABLE states (
    hash TEXT PRIMARY KEY,          -- SHA-256 of the body before compression
    notebook TEXT NOT NULL,
    body BLOB NOT NULL              -- State as JSON, zlib
);

-- One request for proposals: what the policy saw, and how it was asked.
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL UNIQUE,
    session_id TEXT NOT NULL,
    notebook TEXT NOT NULL,
    created_at TEXT NOT NULL,       -- UTC, ISO 8601
    package_version TEXT NOT NULL,
    state_hash TEXT NOT NULL REFERENCES states (hash),
    parent_step INTEGER REFERENCES steps (id) ON DELETE SET NULL,
    operator TEXT NOT NULL,
    task BLOB NOT NULL,             -- Task as JSON
    prompt BLOB NOT NULL,           -- GenerateRequest as JSON, zlib
    model BLOB NOT NULL,            -- EngineInfo as JSON
    model_sha256 TEXT,
    adapter TEXT,
    reward_version INTEGER NOT NULL,
    reward_config BLOB NOT NULL     -- RewardConfig as JSON
);
CREATE INDEX requests_notebook ON requests (notebook);
CREATE INDEX requests_state ON requests (state_hash);
CREATE INDEX requests_parent ON requests (parent_step);

-- Every sampled reply, malformed ones included.
CREATE TABLE samples (
    id INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    proposal_id TEXT,               -- null for a malformed reply
    text TEXT NOT NULL,
    token_ids BLOB NOT NULL,        -- little-endian int32, zlib
    logprobs BLOB NOT NULL,         -- little-endian float32, zlib
    finish_reason TEXT NOT NULL,
    malformed TEXT NOT NULL
);
CREATE INDEX samples_request ON samples (request);
CREATE INDEX samples_proposal ON samples (proposal_id);

-- Every proposal with its trial and reward. AUTOINCREMENT: the number of a deleted step is never used again.
CREATE TABLE steps (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    request INTEGER NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    proposal_id TEXT NOT NULL UNIQUE,
    rank INTEGER NOT NULL,
    plan TEXT NOT NULL,
    proposal BLOB NOT NULL,         -- Proposal as JSON, zlib
    trial BLOB NOT NULL,            -- Trial as JSON, zlib, outputs clipped
    status TEXT NOT NULL,
    metric_before REAL,
    metric_after REAL,
    seconds REAL NOT NULL,
    reward REAL NOT NULL,
    scored INTEGER NOT NULL
);
CREATE INDEX steps_request ON steps (request);

-- What the person said. At most one verdict a step: the last one.
CREATE TABLE verdicts (
    step INTEGER PRIMARY KEY REFERENCES steps (id) ON DELETE CASCADE,
    verdict TEXT NOT NULL,
    edited_source TEXT,
    reason TEXT NOT NULL,
    decided_at TEXT NOT NULL,
    undone_at TEXT                  -- taken back later: never learned from
);
CREATE INDEX verdicts_verdict ON verdicts (verdict);
