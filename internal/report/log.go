package report

import (
	"io"
	"os"
	"strings"

	"github.com/go-logr/logr"
	"go.uber.org/zap/zapcore"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/bridgestack/operator/internal/redact"
)

// mostVerbose is the highest verbosity of the operator's log. From 6 on the client
// of the API server tells of its requests, from 8 on of what it is answered: the
// values of Secrets among it.
const mostVerbose = 5

// Logger is the operator's log. What has the form of a secret is redacted in it,
// whatever room wrote it, and whatever verbosity is asked for it tells of no answers
// of the API server.
func Logger(options zap.Options) logr.Logger {
	var to io.Writer = os.Stderr
	if options.DestWriter != nil {
		to = options.DestWriter
	}
	return zap.New(zap.UseFlagOptions(&options), func(o *zap.Options) {
		o.Level, o.DestWriter = atMost{o.Level}, redacting{to}
	})
}

// atMost is a level that is enabled no further than to mostVerbose.
type atMost struct{ asked zapcore.LevelEnabler }

// Enabled reports whether an entry of the level is written.
func (a atMost) Enabled(level zapcore.Level) bool {
	if a.asked == nil {
		return level >= zapcore.InfoLevel
	}
	return level >= -mostVerbose && a.asked.Enabled(level)
}

// redacting writes an entry, one at a time, without secrets.
type redacting struct{ to io.Writer }

func (r redacting) Write(entry []byte) (int, error) {
	text := strings.TrimSuffix(new(redact.Redactor).Text(string(entry)), "\n") + "\n"
	if _, err := io.WriteString(r.to, text); err != nil {
		return 0, err
	}
	return len(entry), nil
}
