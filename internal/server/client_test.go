package server

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

type vars = evidence.ConnectionVariables

func TestRedisClients(t *testing.T) {
	for name, c := range map[string]struct {
		env      []string
		names    v1alpha1.ConnectionEnv
		want     evidence.Connection
		password string
	}{
		"URL":               {[]string{"REDIS_URL=redis://:s3cret@cache:6380/2"}, v1alpha1.ConnectionEnv{}, evidence.Connection{Servers: at("cache", 6380), PasswordWanted: true, Database: "2", Variables: vars{URL: "REDIS_URL"}}, "s3cret"},
		"URL, ACL user":     {[]string{"VALKEY_URL=valkey://app:p%40ss@cache"}, v1alpha1.ConnectionEnv{}, evidence.Connection{Servers: at("cache", 6379), User: "app", PasswordWanted: true, Variables: vars{URL: "VALKEY_URL"}}, "p@ss"},
		"URL, TLS":          {[]string{"REDIS_TLS_URL=rediss://cache:6380"}, v1alpha1.ConnectionEnv{}, evidence.Connection{Servers: at("cache", 6380), TLS: evidence.TLSVerifyFull, Variables: vars{URL: "REDIS_TLS_URL"}}, ""},
		"URL, TLS no check": {[]string{"CELERY_BROKER_URL=rediss://cache:6380/0?ssl_cert_reqs=CERT_NONE"}, v1alpha1.ConnectionEnv{}, evidence.Connection{Servers: at("cache", 6380), TLS: evidence.TLSRequire, Database: "0", Variables: vars{URL: "CELERY_BROKER_URL"}}, ""},
		"airflow":           {[]string{"AIRFLOW__CELERY__BROKER_URL=redis://:@redis:6379/0"}, v1alpha1.ConnectionEnv{}, evidence.Connection{Servers: at("redis", 6379), PasswordWanted: true, Database: "0", Variables: vars{URL: "AIRFLOW__CELERY__BROKER_URL"}}, ""},
		"sentinel":          {[]string{"CELERY_BROKER_URL=redis+sentinel://watcher:26379/0"}, v1alpha1.ConnectionEnv{}, evidence.Connection{Servers: at("watcher", 26379), Database: "0", Variables: vars{URL: "CELERY_BROKER_URL"}}, ""},
		"Laravel":           {[]string{"REDIS_HOST=redis", "REDIS_PASSWORD=null", "REDIS_PORT=6379"}, v1alpha1.ConnectionEnv{}, evidence.Connection{Servers: at("redis", 6379), Variables: vars{Host: "REDIS_HOST", Port: "REDIS_PORT"}}, ""},
		"Spring":            {[]string{"SPRING_DATA_REDIS_HOST=redis", "SPRING_DATA_REDIS_PASSWORD=pw", "SPRING_DATA_REDIS_SSL_ENABLED=true", "SPRING_DATA_REDIS_DATABASE=1"}, v1alpha1.ConnectionEnv{}, evidence.Connection{Servers: at("redis", 6379), PasswordWanted: true, TLS: evidence.TLSRequire, Database: "1", Variables: vars{Host: "SPRING_DATA_REDIS_HOST", Password: "SPRING_DATA_REDIS_PASSWORD", SSLMode: "SPRING_DATA_REDIS_SSL_ENABLED", Database: "SPRING_DATA_REDIS_DATABASE"}}, "pw"},
		"n8n":               {[]string{"QUEUE_BULL_REDIS_HOST=redis", "QUEUE_BULL_REDIS_PORT=6380"}, v1alpha1.ConnectionEnv{}, evidence.Connection{Servers: at("redis", 6380), Variables: vars{Host: "QUEUE_BULL_REDIS_HOST", Port: "QUEUE_BULL_REDIS_PORT"}}, ""},
		"Go":                {[]string{"REDIS_ADDR=cache:6381", "REDIS_PASSWORD=pw"}, v1alpha1.ConnectionEnv{}, evidence.Connection{Servers: at("cache", 6381), PasswordWanted: true, Variables: vars{Host: "REDIS_ADDR", Password: "REDIS_PASSWORD"}}, "pw"},
		"URL's password beside it": {[]string{"REDIS_URL=redis://cache", "REDIS_PASSWORD=pw"}, v1alpha1.ConnectionEnv{}, evidence.Connection{Servers: at("cache", 6379), PasswordWanted: true,
			Variables: vars{URL: "REDIS_URL", Password: "REDIS_PASSWORD"}}, "pw"},
		"spelled out":             {[]string{"LEDGER=store", "LEDGER_PORT=7"}, v1alpha1.ConnectionEnv{Host: "LEDGER", Port: "LEDGER_PORT"}, evidence.Connection{Servers: at("store", 7), Variables: vars{Host: "LEDGER", Port: "LEDGER_PORT"}}, ""},
		"spelled out, usual port": {[]string{"LEDGER=store"}, v1alpha1.ConnectionEnv{Host: "LEDGER"}, evidence.Connection{Servers: at("store", 6379), Variables: vars{Host: "LEDGER"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, found := Configured(Redis, env(c.env...), Spelled{c.names, true})
			if !found {
				t.Fatal("nothing was found")
			}
			c.want.Protocol = Redis
			compare(t, got, c.want, c.password)
		})
	}
	for _, lines := range [][]string{
		{}, {"REDIS_URL=unix:///run/redis.sock"}, {"REDIS_URL=redis+socket:///run/redis.sock"}, {"CELERY_BROKER_URL=amqp://rabbit"}, {"CACHE_URL=memcached://m"},
		{"CELERY_RESULT_BACKEND=rpc://"}, {"DATABASE_URL=postgres://db/d"},
	} {
		if got, found := Configured(Redis, env(lines...), Spelled{}); found && len(got.Servers) > 0 {
			t.Errorf("%v is taken for %+v", lines, got)
		}
	}
}

func TestRabbitMQClients(t *testing.T) {
	guest := func(c evidence.Connection) evidence.Connection {
		c.User = rabbitGuest
		return c
	}
	for name, c := range map[string]struct {
		env      []string
		want     evidence.Connection
		password string
	}{
		"URL":                {[]string{"RABBITMQ_URL=amqp://app:pw@rabbit:5673/orders"}, evidence.Connection{Servers: at("rabbit", 5673), User: "app", PasswordWanted: true, Database: "orders", Variables: vars{URL: "RABBITMQ_URL"}}, "pw"},
		"URL, / is escaped":  {[]string{"AMQP_URL=amqp://app:pw@rabbit/%2Fa"}, evidence.Connection{Servers: at("rabbit", 5672), User: "app", PasswordWanted: true, Database: "/a", Variables: vars{URL: "AMQP_URL"}}, "pw"},
		"URL, no host of /":  {[]string{"CELERY_BROKER_URL=pyamqp://app:pw@rabbit//"}, evidence.Connection{Servers: at("rabbit", 5672), User: "app", PasswordWanted: true, Database: "/", Variables: vars{URL: "CELERY_BROKER_URL"}}, "pw"},
		"URL, TLS":           {[]string{"CLOUDAMQP_URL=amqps://app:pw@rabbit/app"}, evidence.Connection{Servers: at("rabbit", 5671), User: "app", PasswordWanted: true, TLS: evidence.TLSVerifyFull, Database: "app", Variables: vars{URL: "CLOUDAMQP_URL"}}, "pw"},
		"URL, nobody in it":  {[]string{"AMQP_URL=amqp://rabbit"}, guest(evidence.Connection{Servers: at("rabbit", 5672), Database: "/", Variables: vars{URL: "AMQP_URL"}}), rabbitGuest},
		"Spring":             {[]string{"SPRING_RABBITMQ_HOST=rabbit", "SPRING_RABBITMQ_USERNAME=u", "SPRING_RABBITMQ_PASSWORD=p", "SPRING_RABBITMQ_VIRTUAL_HOST=v"}, evidence.Connection{Servers: at("rabbit", 5672), User: "u", PasswordWanted: true, Database: "v", Variables: vars{Host: "SPRING_RABBITMQ_HOST", User: "SPRING_RABBITMQ_USERNAME", Password: "SPRING_RABBITMQ_PASSWORD", Database: "SPRING_RABBITMQ_VIRTUAL_HOST"}}, "p"},
		"the image's own":    {[]string{"RABBITMQ_HOST=rabbit", "RABBITMQ_DEFAULT_USER=u", "RABBITMQ_DEFAULT_PASS=p", "RABBITMQ_DEFAULT_VHOST=v"}, evidence.Connection{Servers: at("rabbit", 5672), User: "u", PasswordWanted: true, Database: "v", Variables: vars{Host: "RABBITMQ_HOST", User: "RABBITMQ_DEFAULT_USER", Password: "RABBITMQ_DEFAULT_PASS", Database: "RABBITMQ_DEFAULT_VHOST"}}, "p"},
		"a host and no more": {[]string{"RABBITMQ_HOST=rabbit"}, guest(evidence.Connection{Servers: at("rabbit", 5672), Database: "/", Variables: vars{Host: "RABBITMQ_HOST"}}), rabbitGuest},
	} {
		t.Run(name, func(t *testing.T) {
			got, found := Configured(RabbitMQ, env(c.env...), Spelled{})
			if !found {
				t.Fatal("nothing was found")
			}
			c.want.Protocol = RabbitMQ
			compare(t, got, c.want, c.password)
		})
	}
}

// What an author of a stack says pairs no password with a server of his choice.
func TestClientsPairCredentialsByTheTemplateAlone(t *testing.T) {
	victim := []string{"STRIPE_API_KEY=sk_live_51-THE-SECRET", "LOG_LEVEL=evil", "REDIS_HOST=redis", "REDIS_PASSWORD=pw",
		"AUDIT_REDIS_HOST=audit", "RABBITMQ_URL=amqp://app:rpw@rabbit"}
	for name, c := range map[string]struct {
		protocol evidence.Protocol
		names    v1alpha1.ConnectionEnv
		password string
		to       []evidence.HostPort
	}{
		"Redis":                       {Redis, v1alpha1.ConnectionEnv{}, "pw", at("redis", 6379)},
		"another host of Redis":       {Redis, v1alpha1.ConnectionEnv{Host: "AUDIT_REDIS_HOST"}, "", at("audit", 6379)},
		"a literal for the host":      {Redis, v1alpha1.ConnectionEnv{Host: "LOG_LEVEL", Password: "REDIS_PASSWORD"}, "", nil},
		"another variable's password": {Redis, v1alpha1.ConnectionEnv{Password: "STRIPE_API_KEY"}, "pw", at("redis", 6379)},
		"RabbitMQ":                    {RabbitMQ, v1alpha1.ConnectionEnv{Password: "STRIPE_API_KEY"}, "rpw", at("rabbit", 5672)},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := Configured(c.protocol, env(victim...), Spelled{ConnectionEnv: c.names})
			if got.Password.Reveal() != c.password {
				t.Errorf("password %q, want %q", got.Password.Reveal(), c.password)
			}
			if diff := cmp.Diff(c.to, got.PasswordFor); diff != "" {
				t.Errorf("paired with (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCodesOfRedisAndRabbitMQ(t *testing.T) {
	for message, c := range map[string]struct {
		cause v1alpha1.Cause
		class Class
	}{
		"WRONGPASS invalid username-password pair or user is disabled.": {v1alpha1.CauseUpstreamAuthFailed, ClassCredentials},
		"ERR invalid password":                                                             {v1alpha1.CauseUpstreamAuthFailed, ClassCredentials},
		"NOAUTH Authentication required.":                                                  {v1alpha1.CauseUpstreamAuthFailed, ClassCredentials},
		"NOPERM this user has no permissions to run the 'get' command":                     {v1alpha1.CauseUpstreamAuthFailed, ClassPermission},
		"DENIED Redis is running in protected mode":                                        {v1alpha1.CauseUpstreamAuthFailed, ClassPermission},
		"LOADING Redis is loading the dataset in memory":                                   {v1alpha1.CauseUpstreamStarting, ClassUnavailable},
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.": {v1alpha1.CauseUpstreamStarting, ClassUnavailable},
		"CLUSTERDOWN The cluster is down":                                                  {v1alpha1.CauseUpstreamStarting, ClassUnavailable},
		"READONLY You can't write against a read only replica.":                            {v1alpha1.CauseUpstreamRejectsWrites, ClassUnavailable},
		"MISCONF Redis is configured to save RDB snapshots":                                {v1alpha1.CauseUpstreamRejectsWrites, ClassUnavailable},
		"OOM command not allowed when used memory > 'maxmemory'.":                          {v1alpha1.CauseUpstreamRejectsWrites, ClassCapacity},
		"ERR max number of clients reached":                                                {v1alpha1.CauseUpstreamOverloaded, ClassCapacity},
		"ERR max number of clients + cluster connections reached":                          {v1alpha1.CauseUpstreamOverloaded, ClassCapacity},
		"MOVED 3999 127.0.0.1:6381":                                                        {v1alpha1.CauseUpstreamIncompatible, ClassMissing},
		"ERR DB index is out of range":                                                     {v1alpha1.CauseUpstreamIncompatible, ClassMissing},
	} {
		code := RedisCode(message)
		if cause, known := Of(Redis).CauseOf(evidence.Stage{Code: code}, evidence.Dependency{}); !known || cause != c.cause {
			t.Errorf("%s is %s", message, cause)
		}
		if class, known := Of(Redis).ClassOf(code); !known || class != c.class {
			t.Errorf("%s is of class %s", message, class)
		}
	}
	if cause, known := Of(Redis).CauseOf(evidence.Stage{Code: RedisCode("ERR syntax error")}, evidence.Dependency{}); known {
		t.Errorf("an error that means nothing is %s", cause)
	}
	for code, want := range map[string]v1alpha1.Cause{"403": v1alpha1.CauseUpstreamAuthFailed, "530": v1alpha1.CauseUpstreamAuthFailed,
		RabbitConnectionLimit: v1alpha1.CauseUpstreamOverloaded, "406": v1alpha1.CauseUpstreamIncompatible, evidence.CodeTLSRequired: v1alpha1.CauseUpstreamTLSMismatch} {
		if cause, known := Of(RabbitMQ).CauseOf(evidence.Stage{Code: code}, evidence.Dependency{}); !known || cause != want {
			t.Errorf("%s is %s", code, cause)
		}
	}
}

// What SetEnv writes is read as its client reads it: the scheme tells the port that is
// not written.
func TestServersOfURLs(t *testing.T) {
	for value, want := range map[string]struct {
		protocol evidence.Protocol
		servers  []evidence.HostPort
	}{
		"redis://localhost/0":    {Redis, at("localhost", 6379)},
		"rediss://localhost:1/0": {Redis, at("localhost", 1)},
		"amqp://rabbit":          {RabbitMQ, at("rabbit", 5672)},
		"amqps://rabbit/v":       {RabbitMQ, at("rabbit", 5671)},
	} {
		got := ServersOf(want.protocol, evidence.ConnectionVariables{URL: "X"}, func(string) string { return value })
		if diff := cmp.Diff(want.servers, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", value, diff)
		}
	}
	for value, want := range map[string]string{"redis://localhost:6379/0": "redis://redis:6379/0", "redis://localhost/1": "redis://redis/1", "redis://:pw@localhost/1": ""} {
		if got, _ := Relocate(value, at("redis", 6379), redisPort, false); got != want {
			t.Errorf("%s becomes %q, want %q", value, got, want)
		}
	}
}
