package server

import (
	"regexp"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// Redis is the protocol of Redis, Valkey, KeyDB and Dragonfly, and of their Sentinels.
const Redis evidence.Protocol = "Redis"

var _ = register(Kind{
	Protocol:   Redis,
	Rank:       5,
	Port:       redisPort,
	OtherPorts: []int32{6380, 26379}, // often a second server's or that of TLS, and Sentinel's
	Schemes:    []string{"redis", "rediss", "valkey", "valkeys"},
	TLSSchemes: map[string]int32{"rediss": 0, "valkeys": 0},
	Variables:  regexp.MustCompile(`redis|valkey|keydb|dragonfly`),
	Images:     regexp.MustCompile(`^(?:redis(?:-stack(?:-server)?|-cluster|-sentinel)?|valkey(?:-bundle|-cluster|-sentinel)?|keydb|dragonfly)$`),
	Names:      []string{"redis", "valkey", "keydb", "dragonfly"},
	KeepsData:  true,

	CauseOfCode:        causeOfRedisError,
	ClassOfCode:        classOfRedisError,
	AnswersBeforeLogin: func(evidence.Connection) bool { return true }, // PING: PONG, or NOAUTH
	MakeEndpoint: func(o Offer) v1alpha1.Endpoint {
		r := &v1alpha1.RedisEndpoint{Host: o.Host}
		if o.Port != redisPort {
			r.Port = o.Port
		}
		return v1alpha1.Endpoint{Redis: r}
	},
	declared: func(service string, e v1alpha1.Endpoint) (evidence.Connection, bool) {
		if e.Redis == nil {
			return evidence.Connection{}, false
		}
		return evidence.Connection{Protocol: Redis, Servers: []evidence.HostPort{{Host: or(e.Redis.Host, service), Port: orPort(e.Redis.Port, redisPort)}}}, true
	},
	relocate: func(e *v1alpha1.Endpoint, at Finder) bool {
		if found, offered := at(orPort(e.Redis.Port, redisPort)); offered {
			e.Redis.Host, e.Redis.Port = found.Host, found.Port
		}
		return true
	},
	configured: redisClients.client,
	implied:    func(v variables) []evidence.Connection { return redisClients.candidates(v) },
})

const redisPort = 6379

// The names that Redis clients are usually configured by: of Celery, Django, Rails,
// Laravel, Spring, Quarkus, BullMQ, n8n and Heroku's add-ons.
var redisClients = usual{
	protocol: Redis,
	urls: []string{
		"REDIS_URL", "REDIS_URI", "REDIS_DSN", "REDIS_TLS_URL", "VALKEY_URL", "KEYDB_URL", "DRAGONFLY_URL", "SPRING_DATA_REDIS_URL", "SPRING_REDIS_URL",
		"CACHE_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "CELERY_RESULT_BACKEND_URL",
	},
	prefixes: []string{
		"REDIS_", "VALKEY_", "KEYDB_", "DRAGONFLY_", "SPRING_DATA_REDIS_", "SPRING_REDIS_", "REDIS_MASTER_", "BULL_REDIS_", "CACHE_REDIS_", "SESSION_REDIS_",
	},
	databases: []string{"DB", "DATABASE", "DB_INDEX", "DB_NUMBER"},
	users:     []string{"USER", "USERNAME"},
	passwords: []string{"PASSWORD", "PASS", "PASSWD", "PWD", "AUTH"},
}

// Codes of Redis' errors that have no prefix of their own (networking.c, db.c).
const (
	RedisMaxClients    = "MAXCLIENTS"
	RedisNoSuchDB      = "DB_OUT_OF_RANGE"
	RedisNoPasswordSet = "NO_PASSWORD_SET"
)

// redisErrors are the causes and classes of the prefixes of errors (server.c, acl.c,
// cluster.c).
var redisErrors = map[string]struct {
	cause v1alpha1.Cause
	class Class
}{
	"NOAUTH":        {v1alpha1.CauseUpstreamAuthFailed, ClassCredentials},
	"WRONGPASS":     {v1alpha1.CauseUpstreamAuthFailed, ClassCredentials},
	"NOPERM":        {v1alpha1.CauseUpstreamAuthFailed, ClassPermission},
	"DENIED":        {v1alpha1.CauseUpstreamAuthFailed, ClassPermission}, // protected mode
	"LOADING":       {v1alpha1.CauseUpstreamStarting, ClassUnavailable},
	"MASTERDOWN":    {v1alpha1.CauseUpstreamStarting, ClassUnavailable},
	"CLUSTERDOWN":   {v1alpha1.CauseUpstreamStarting, ClassUnavailable},
	"READONLY":      {v1alpha1.CauseUpstreamRejectsWrites, ClassUnavailable},
	"MISCONF":       {v1alpha1.CauseUpstreamRejectsWrites, ClassUnavailable},
	"NOREPLICAS":    {v1alpha1.CauseUpstreamRejectsWrites, ClassUnavailable},
	"OOM":           {v1alpha1.CauseUpstreamRejectsWrites, ClassCapacity},
	"BUSY":          {v1alpha1.CauseUpstreamOverloaded, ClassCapacity},
	"TRYAGAIN":      {v1alpha1.CauseUpstreamOverloaded, ClassUnavailable},
	"MOVED":         {v1alpha1.CauseUpstreamIncompatible, ClassMissing},
	"CROSSSLOT":     {v1alpha1.CauseUpstreamIncompatible, ClassMissing},
	RedisMaxClients: {v1alpha1.CauseUpstreamOverloaded, ClassCapacity},
	RedisNoSuchDB:   {v1alpha1.CauseUpstreamIncompatible, ClassMissing},
}

// RedisCode is the code of an error that a server answered with: its prefix, or one
// of the codes above.
func RedisCode(message string) string {
	lower := strings.ToLower(message)
	switch {
	case strings.Contains(lower, "max number of clients"):
		return RedisMaxClients
	case strings.Contains(lower, "db index is out of range"), strings.Contains(lower, "select is not allowed in cluster mode"):
		return RedisNoSuchDB
	case strings.Contains(lower, "without any password configured"), strings.Contains(lower, "no password is set"):
		return RedisNoPasswordSet
	case strings.Contains(lower, "invalid password"): // before Redis 6
		return "WRONGPASS"
	}
	code, _, _ := strings.Cut(message, " ")
	return code
}

func causeOfRedisError(last evidence.Stage, _ evidence.Dependency) (v1alpha1.Cause, bool) {
	e, known := redisErrors[last.Code]
	return e.cause, known
}

func classOfRedisError(code string) (Class, bool) {
	e, known := redisErrors[code]
	return e.class, known
}
