package compose

import (
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// Role is what a service is known to be.
type Role string

// Roles that are more than a kind of server, of which each has the name of its
// protocol. A service of no role is an application, or something that the operator
// has no probe for.
const (
	RolePostgres Role = "Postgres"
	RoleKafka    Role = "Kafka"
	// RoleRedpanda speaks the Kafka protocol, and is set up by its command line.
	RoleRedpanda Role = "Redpanda"
)

// roles that a service may have: the kinds of servers that have images of their own.
func roles() []Role {
	out := []Role{RoleRedpanda}
	for _, k := range server.Kinds() {
		if k.Images != nil {
			out = append(out, Role(k.Protocol))
		}
	}
	return out
}

// SpeaksKafka reports whether it is a broker of the Kafka protocol.
func (r Role) SpeaksKafka() bool { return r == RoleKafka || r == RoleRedpanda }

// Protocol that its clients speak; TCP is all that is known of those of no role.
func (r Role) Protocol() evidence.Protocol {
	switch r {
	case "":
		return evidence.TCP
	case RoleRedpanda:
		return evidence.Kafka
	default:
		return evidence.Protocol(r)
	}
}

// Kind of server that it is, false for one of no role.
func (r Role) Kind() (*server.Kind, bool) { return server.Of(r.Protocol()), r != "" }

// redpandaImage is told apart from the other images that speak Kafka's protocol.
var redpandaImage = regexp.MustCompile(`^redpanda(?:-unstable|-nightly)?$`)

// clientCommand are commands that use a server's image to speak to another.
var clientCommand = regexp.MustCompile(`\b(?:psql|pg_dump(?:all)?|pg_restore|pgbench|createdb|(?:mysql|mariadb)-?(?:dump|admin|import|slap|check)|kafka-topics|kafka-console-\w+|kafka-configs|kafka-acls|rpk (?:topic|cluster|acl|security)|(?:redis|valkey|keydb)-(?:cli|benchmark)|rabbitmq(?:ctl|admin)|amqp-(?:get|publish|consume|(?:declare|delete)-queue))\b|(?:^|[\s;&|("'])(?:mysql|mariadb)\s+-`)

// roleOf knows servers by image, else by what only a server is told.
func roleOf(s types.ServiceConfig) Role {
	if clientCommand.MatchString(commandLine(s)) {
		return ""
	}
	name := repository(s.Image)
	if redpandaImage.MatchString(name) {
		return RoleRedpanda
	}
	if k, known := server.OfImage(name); known {
		return Role(k.Protocol)
	}
	switch {
	case s.HealthCheck != nil && strings.Contains(strings.Join(s.HealthCheck.Test, " "), "pg_isready"):
		return RolePostgres
	case isPostgres(s):
		return RolePostgres
	case environment(s, "KAFKA_ADVERTISED_LISTENERS") != "" || environment(s, "KAFKA_CFG_ADVERTISED_LISTENERS") != "":
		return RoleKafka
	case strings.Contains(commandLine(s), "redpanda start"):
		return RoleRedpanda
	}
	return namedRole(s)
}

// isPostgres knows a server by what its image is told to make, together with where
// it keeps its files or what the image is called: a client is told some of it, too.
func isPostgres(s types.ServiceConfig) bool {
	told := environment(s, "POSTGRES_PASSWORD") + environment(s, "POSTGRES_DB") + environment(s, "POSTGRES_USER") + environment(s, "POSTGRES_HOST_AUTH_METHOD") + environment(s, "POSTGRESQL_PASSWORD") + environment(s, "POSTGRESQL_DATABASE")
	keeps := slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return postgresFiles.MatchString(v.Target) })
	name := repository(s.Image)
	client := notPostgres.MatchString(name) || environment(s, "POSTGRES_HOST") != ""
	return !client && (told != "" && (keeps || ownPostgres.MatchString(name)) || keeps && ownPostgres.MatchString(name))
}

var (
	postgresFiles = regexp.MustCompile(`^/(?:var/lib/postgresql(?:/.*)?|bitnami/postgresql(?:/data)?|var/lib/pgsql(?:/.*)?)$`)
	ownPostgres   = regexp.MustCompile(`(?i)(?:^|[-_.])(?:postgres(?:ql)?|pgsql|postgis|timescale\w*)(?:$|[-_.\d])`)
	notPostgres   = regexp.MustCompile(`(?i)exporter|backup|client|admin|bouncer|pool|proxy|rest|meta|operator|migrat|dump`)
)

// namedRole knows servers of an image of one's own, by the service's name
// together with the port.
func namedRole(s types.ServiceConfig) Role {
	listens := func(port int32) bool {
		return slices.ContainsFunc(ports(s), func(p Port) bool { return p.Target == port })
	}
	for _, k := range server.Kinds() {
		if slices.Contains(k.Names, strings.ToLower(s.Name)) && listens(k.Port) {
			return Role(k.Protocol)
		}
	}
	return ""
}

// repository is an image's name without registry, tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	image = image[strings.LastIndexByte(image, '/')+1:]
	image, _, _ = strings.Cut(image, ":")
	return image
}

// commandLine is entrypoint and command in one.
func commandLine(s types.ServiceConfig) string {
	return strings.Join(s.Entrypoint, " ") + " " + strings.Join(s.Command, " ")
}
