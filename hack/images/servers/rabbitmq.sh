#!/bin/sh
# Starts RabbitMQ as people know it from its usual container image: in
# /var/lib/rabbitmq, where its data are in a directory named after the host, and with
# the user of RABBITMQ_DEFAULT_USER and RABBITMQ_DEFAULT_PASS.
set -eu

if [ "$1" = rabbitmq-server ] && [ "$(id -u)" = 0 ]; then
	mkdir -p /var/lib/rabbitmq
	chown -R rabbitmq: /var/lib/rabbitmq
	exec setpriv --reuid=rabbitmq --regid=rabbitmq --clear-groups "$0" "$@"
fi
export HOME=/var/lib/rabbitmq
if [ "$1" = rabbitmq-server ]; then
	export RABBITMQ_CONFIG_FILE=/tmp/rabbitmq.conf RABBITMQ_LOGS=-
	cat > "$RABBITMQ_CONFIG_FILE" <<END
loopback_users = none
default_user = ${RABBITMQ_DEFAULT_USER:-guest}
default_pass = ${RABBITMQ_DEFAULT_PASS:-guest}
END
fi
exec "$@"
