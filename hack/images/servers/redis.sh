#!/bin/sh
# Starts Redis as people know it from its usual container image: in /data, and as its
# own user.
set -eu

case "$1" in
-*) set -- redis-server "$@" ;;
esac
mkdir -p /data
cd /data
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
	chown -R redis: /data
	exec setpriv --reuid=redis --regid=redis --clear-groups "$0" "$@"
fi
if [ "$1" = redis-server ]; then
	set -- "$@" --protected-mode no
fi
exec "$@"
