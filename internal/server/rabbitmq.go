package server

import (
	"regexp"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// RabbitMQ is AMQP 0-9-1 as RabbitMQ speaks it.
const RabbitMQ evidence.Protocol = "RabbitMQ"

// The ports of its management and of its nodes among each other are none of its
// clients' business.
var _ = register(Kind{
	Protocol:   RabbitMQ,
	Rank:       6,
	Port:       rabbitPort,
	OtherPorts: []int32{rabbitTLSPort},
	Schemes:    []string{"amqp", "amqps", "pyamqp"},
	TLSSchemes: map[string]int32{"amqps": rabbitTLSPort},
	Variables:  regexp.MustCompile(`rabbit|amqp`),
	Images:     regexp.MustCompile(`^rabbitmq$`),
	Names:      []string{"rabbitmq", "rabbit"},
	KeepsData:  true,

	PortVariable:       "RABBITMQ_NODE_PORT",
	DatabaseVariables:  []string{"RABBITMQ_DEFAULT_VHOST"},
	CauseOfCode:        causeOfReplyCode,
	ClassOfCode:        classOfReplyCode,
	AnswersBeforeLogin: func(evidence.Connection) bool { return true }, // connection.start
	MakeEndpoint: func(o Offer) v1alpha1.Endpoint {
		r := &v1alpha1.RabbitMQEndpoint{Host: o.Host, VirtualHost: o.Database}
		if o.Port != rabbitPort {
			r.Port = o.Port
		}
		return v1alpha1.Endpoint{RabbitMQ: r}
	},
	declared: func(service string, e v1alpha1.Endpoint) (evidence.Connection, bool) {
		if e.RabbitMQ == nil {
			return evidence.Connection{}, false
		}
		return evidence.Connection{Protocol: RabbitMQ, Database: e.RabbitMQ.VirtualHost,
			Servers: []evidence.HostPort{{Host: or(e.RabbitMQ.Host, service), Port: orPort(e.RabbitMQ.Port, rabbitPort)}}}, true
	},
	relocate: func(e *v1alpha1.Endpoint, at Finder) bool {
		if found, offered := at(orPort(e.RabbitMQ.Port, rabbitPort)); offered {
			e.RabbitMQ.Host, e.RabbitMQ.Port = found.Host, found.Port
		}
		return true
	},
	configured: rabbitClients.client,
	implied:    func(v variables) []evidence.Connection { return rabbitClients.candidates(v) },
})

const (
	rabbitPort    = 5672
	rabbitTLSPort = 5671
)

// What the clients of RabbitMQ are configured by: those of Celery, Spring, Laravel,
// Rails' bunny and Heroku's add-on, and the variables of the image, which compose
// projects give to clients as well.
var rabbitClients = usual{
	protocol:  RabbitMQ,
	urls:      []string{"RABBITMQ_URL", "RABBITMQ_URI", "RABBIT_URL", "AMQP_URL", "AMQP_URI", "CLOUDAMQP_URL", "CELERY_BROKER_URL", "BROKER_URL"},
	prefixes:  []string{"RABBITMQ_", "RABBIT_", "SPRING_RABBITMQ_", "AMQP_", "RABBIT_MQ_"},
	databases: []string{"VHOST", "VIRTUAL_HOST", "DEFAULT_VHOST"},
	users:     []string{"USER", "USERNAME", "LOGIN", "DEFAULT_USER"},
	passwords: []string{"PASSWORD", "PASS", "PASSWD", "PWD", "DEFAULT_PASS"},
	finish: func(c *evidence.Connection) {
		c.Database = or(c.Database, "/")
		if c.User == "" && !c.PasswordWanted && len(c.Servers) > 0 { // what clients send then is no secret
			c.User, c.Password = rabbitGuest, evidence.NewSecret(rabbitGuest)
		}
	},
}

const rabbitGuest = "guest"

// replyCodes are the causes and classes of AMQP's reply codes (amqp0-9-1.xml).
var replyCodes = map[string]struct {
	cause v1alpha1.Cause
	class Class
}{
	"311": {v1alpha1.CauseUpstreamIncompatible, ClassPermission},    // content-too-large
	"320": {v1alpha1.CauseUpstreamConnectionLost, ClassUnavailable}, // connection-forced
	"402": {v1alpha1.CauseUpstreamAuthFailed, ClassMissing},         // invalid-path
	"403": {v1alpha1.CauseUpstreamAuthFailed, ClassCredentials},     // access-refused
	"404": {v1alpha1.CauseUpstreamIncompatible, ClassMissing},       // not-found
	"405": {v1alpha1.CauseUpstreamIncompatible, ClassUnavailable},   // resource-locked
	"406": {v1alpha1.CauseUpstreamIncompatible, ClassPermission},    // precondition-failed
	"506": {v1alpha1.CauseUpstreamOverloaded, ClassCapacity},        // resource-error
	"530": {v1alpha1.CauseUpstreamAuthFailed, ClassMissing},         // not-allowed: no such virtual host, or none of this user's
	"541": {v1alpha1.CauseUpstreamStarting, ClassUnavailable},       // internal-error

	RabbitConnectionLimit: {v1alpha1.CauseUpstreamOverloaded, ClassCapacity},
}

// RabbitConnectionLimit is the code of reply 530 where it is for a limit of
// connections of the node, the virtual host or the user.
const RabbitConnectionLimit = "CONNECTION_LIMIT"

func causeOfReplyCode(last evidence.Stage, _ evidence.Dependency) (v1alpha1.Cause, bool) {
	r, known := replyCodes[last.Code]
	return r.cause, known
}

func classOfReplyCode(code string) (Class, bool) {
	r, known := replyCodes[code]
	return r.class, known
}
