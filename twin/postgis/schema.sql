-- The same tables as the embedded store. Text sorts by bytes (COLLATE "C") whatever the database's language, so that
-- order, ranges and cursors are those of every other store. json keeps the text of a number; jsonb would turn 1e16 into
-- an integer and lose the sign of -0.0.

-- One row: the moment of the last transaction. Writers lock it first, so they commit one after another.
CREATE TABLE clock (recorded_at timestamptz(3) NOT NULL);
INSERT INTO clock VALUES ('0001-01-01T00:00:00Z');

-- Every version of everything. valid_* is when it was true, recorded_at/superseded_at when the twin believed it.
CREATE TABLE feature (
  fid bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  layer text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, community text COLLATE "C" NOT NULL,
  name text COLLATE "C", place text COLLATE "C", parent text COLLATE "C",
  storey integer, z_min_m double precision, z_max_m double precision, stage text COLLATE "C", attributes json NOT NULL,
  source text COLLATE "C", source_element text COLLATE "C", batch text COLLATE "C",
  valid_from timestamptz(3) NOT NULL, valid_to timestamptz(3),
  recorded_at timestamptz(3) NOT NULL, superseded_at timestamptz(3),
  geom geometry(Geometry, 4326), words tsvector);
CREATE UNIQUE INDEX feature_believed ON feature (layer, id, valid_from) WHERE superseded_at IS NULL;
CREATE INDEX feature_versions ON feature (layer, id);
CREATE INDEX feature_place ON feature (place, layer) WHERE superseded_at IS NULL;
CREATE INDEX feature_community ON feature (community);
CREATE INDEX feature_geom ON feature USING gist (geom);
CREATE INDEX feature_words ON feature USING gin (words) WHERE words IS NOT NULL;
CREATE INDEX feature_recorded ON feature (recorded_at);
CREATE INDEX feature_superseded ON feature (superseded_at) WHERE superseded_at IS NOT NULL;

CREATE TABLE identifier (
  community text COLLATE "C" NOT NULL, scheme text COLLATE "C" NOT NULL, value text COLLATE "C" NOT NULL, place text COLLATE "C" NOT NULL,
  source text COLLATE "C", valid_from timestamptz(3), valid_to timestamptz(3), recorded_at timestamptz(3) NOT NULL,
  PRIMARY KEY (scheme, value, place));
CREATE INDEX identifier_place ON identifier (place);
CREATE INDEX identifier_value ON identifier (value);
CREATE TABLE descent (
  community text COLLATE "C" NOT NULL, predecessor text COLLATE "C" NOT NULL, successor text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL,
  at timestamptz(3) NOT NULL, recorded_at timestamptz(3) NOT NULL,
  PRIMARY KEY (predecessor, successor));
CREATE INDEX descent_successor ON descent (successor);

-- What happened; never rewritten. Numbered under the lock on clock, so without gaps and in the order of commits.
CREATE TABLE event (
  seq bigint PRIMARY KEY, kind text COLLATE "C" NOT NULL, community text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL, source text COLLATE "C" NOT NULL, source_seq text COLLATE "C" NOT NULL,
  occurred_at timestamptz(3) NOT NULL, recorded_at timestamptz(3) NOT NULL, body json NOT NULL,
  UNIQUE (source, source_seq, community));
CREATE INDEX event_kind ON event (kind, seq) WHERE kind <> 'observation';
CREATE TABLE latest (
  community text COLLATE "C" NOT NULL, device text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, value json NOT NULL,
  occurred_at timestamptz(3) NOT NULL,
  PRIMARY KEY (device, name));
CREATE TABLE layer_version (layer text COLLATE "C" PRIMARY KEY, version bigint NOT NULL);
