#!/bin/sh
# What the image of PostgreSQL does before its server starts: a database with a user and a password, once.
set -eu
case "$1" in -*) set -- postgres "$@" ;; esac  # options alone are the server's
[ "$1" = postgres ] || exec "$@"

export PGDATA=/var/lib/postgresql/18/docker
# A volume that is given to a group of pods comes with more rights than the server puts up with.
[ ! -d "$PGDATA" ] || chmod 0700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
    initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 --no-sync \
        --encoding=UTF8 --locale=C.UTF-8
    rm /tmp/password
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE \"$POSTGRES_DB\";" | postgres --single -D "$PGDATA" postgres
fi
exec "$@" -c listen_addresses='*' -c unix_socket_directories=/tmp
