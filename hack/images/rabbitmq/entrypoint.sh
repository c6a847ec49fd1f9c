#!/bin/sh
# Starts RabbitMQ as people know it from its usual container image: with the user and
# virtual host of RABBITMQ_DEFAULT_USER, RABBITMQ_DEFAULT_PASS and
# RABBITMQ_DEFAULT_VHOST. All that it keeps is in /tmp/rabbitmq.
set -eu

state=/tmp/rabbitmq
mkdir -p "$state"
cat > "$state/rabbitmq.conf" <<END
listeners.tcp.default = 5672
default_user = ${RABBITMQ_DEFAULT_USER:-guest}
default_pass = ${RABBITMQ_DEFAULT_PASS:-guest}
default_vhost = ${RABBITMQ_DEFAULT_VHOST:-/}
log.console = true
log.file = false
END
echo '[].' > "$state/enabled_plugins"

export HOME="$state" RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_CONFIG_FILE="$state/rabbitmq.conf" RABBITMQ_CONF_ENV_FILE="$state/none" \
	RABBITMQ_MNESIA_BASE="$state/mnesia" RABBITMQ_LOG_BASE="$state/log" RABBITMQ_LOGS=- RABBITMQ_PID_FILE="$state/pid" \
	RABBITMQ_ENABLED_PLUGINS_FILE="$state/enabled_plugins" RABBITMQ_GENERATED_CONFIG_DIR="$state/generated" \
	RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+S 1:1'
unset RABBITMQ_DEFAULT_USER RABBITMQ_DEFAULT_PASS RABBITMQ_DEFAULT_VHOST
exec /usr/lib/rabbitmq/bin/rabbitmq-server
