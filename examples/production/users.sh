#!/bin/sh
# Run once by the image of PostgreSQL when the database is made: a user for the service. People get users of their own
# (createuser --pwprompt ada), and all of them roles by matloop data grant.
set -eu
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v password="$SERVE_PASSWORD" <<'SQL'
CREATE ROLE serve LOGIN PASSWORD :'password';
SQL
