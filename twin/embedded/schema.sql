-- GeoPackage 1.3 core tables (OGC 12-128r17, clauses 1.1.2 and 2.1).
CREATE TABLE gpkg_spatial_ref_sys (
  srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
INSERT INTO gpkg_spatial_ref_sys VALUES
  ('Undefined Cartesian', -1, 'NONE', -1, 'undefined', NULL),
  ('Undefined geographic', 0, 'NONE', 0, 'undefined', NULL),
  ('WGS 84 geodetic', 4326, 'EPSG', 4326, 'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4326"]]', 'longitude, latitude');
CREATE TABLE gpkg_contents (
  table_name TEXT PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE, description TEXT DEFAULT '',
  last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE,
  srs_id INTEGER REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (
  table_name TEXT PRIMARY KEY REFERENCES gpkg_contents(table_name), column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL REFERENCES gpkg_spatial_ref_sys(srs_id),
  z TINYINT NOT NULL, m TINYINT NOT NULL);

-- Every version of everything. valid_* is when it was true, recorded_at/superseded_at when the twin believed it.
CREATE TABLE feature (
  fid INTEGER PRIMARY KEY AUTOINCREMENT, geom GEOMETRY,
  layer TEXT NOT NULL, id TEXT NOT NULL, community TEXT NOT NULL, name TEXT, place TEXT, parent TEXT,
  storey INTEGER, z_min_m DOUBLE, z_max_m DOUBLE, stage TEXT, attributes TEXT NOT NULL,
  source TEXT, source_element TEXT, batch TEXT,
  valid_from DATETIME NOT NULL, valid_to DATETIME, recorded_at DATETIME NOT NULL, superseded_at DATETIME);
CREATE UNIQUE INDEX feature_believed ON feature (layer, id, valid_from) WHERE superseded_at IS NULL;
CREATE INDEX feature_versions ON feature (layer, id);
CREATE INDEX feature_place ON feature (place, layer) WHERE superseded_at IS NULL;
-- Own index beside GeoPackage's: integers (1e-7 degree, cm, seconds) because float32 is 0.7 m coarse at 117 E and 128 s in Unix time.
CREATE VIRTUAL TABLE feature_box USING rtree_i32 (fid, x0, x1, y0, y1, z0, z1, t0, t1);
CREATE VIRTUAL TABLE feature_text USING fts5 (text, tokenize = 'unicode61');

-- Always empty: lends SQL types to the columns of the layers' views.
CREATE TABLE column_type (i INTEGER, r DOUBLE, s TEXT, b BOOLEAN);

CREATE INDEX feature_recorded ON feature (recorded_at);
CREATE INDEX feature_superseded ON feature (superseded_at) WHERE superseded_at IS NOT NULL;

CREATE TABLE identifier (
  community TEXT NOT NULL, scheme TEXT NOT NULL, value TEXT NOT NULL, place TEXT NOT NULL, source TEXT,
  valid_from DATETIME, valid_to DATETIME, recorded_at DATETIME NOT NULL,
  PRIMARY KEY (scheme, value, place)) WITHOUT ROWID;
CREATE INDEX identifier_place ON identifier (place);
CREATE INDEX identifier_value ON identifier (value);
CREATE TABLE descent (
  community TEXT NOT NULL, predecessor TEXT NOT NULL, successor TEXT NOT NULL, kind TEXT NOT NULL, at DATETIME NOT NULL, recorded_at DATETIME NOT NULL,
  PRIMARY KEY (predecessor, successor)) WITHOUT ROWID;
CREATE INDEX descent_successor ON descent (successor);

-- What happened; never rewritten.
CREATE TABLE event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, community TEXT NOT NULL, subject TEXT NOT NULL,
  source TEXT NOT NULL, source_seq TEXT NOT NULL, occurred_at DATETIME NOT NULL, recorded_at DATETIME NOT NULL,
  body TEXT NOT NULL, UNIQUE (source, source_seq, community));
CREATE INDEX event_kind ON event (kind, seq) WHERE kind <> 'observation';
-- One registered attribute table also keeps GDAL from listing the store's own tables beside the layers.
INSERT INTO gpkg_contents (table_name, data_type, identifier, description) VALUES ('event', 'attributes', 'event', '事件日志 Event log');
CREATE TABLE latest (
  community TEXT NOT NULL, device TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, occurred_at DATETIME NOT NULL,
  PRIMARY KEY (device, name)) WITHOUT ROWID;
CREATE TABLE layer_version (layer TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
