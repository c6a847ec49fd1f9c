#!/bin/sh
# Starts nginx as people know it from its usual container image: its log is the
# container's.
set -eu

if [ "$(id -u)" = 0 ]; then
	ln -sf /dev/stdout /var/log/nginx/access.log
	ln -sf /dev/stderr /var/log/nginx/error.log
	rm -f /etc/nginx/sites-enabled/default
fi
exec "$@"
