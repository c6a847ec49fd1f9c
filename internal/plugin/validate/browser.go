package validate

import (
	"regexp"

	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/plugin/images"
)

// forBrowsers are names of variables whose addresses are for people's browsers, or
// are what a server calls or binds itself: none that the service connects to.
var forBrowsers = regexp.MustCompile(`(?i)PUBLIC|EXTERNAL|ADVERTISE|BROWSER|CALLBACK|REDIRECT|ORIGIN|CORS|ISSUER|DOMAIN|ALLOWED|TRUSTED|LISTEN|BIND|JMX|_ADMIN_SERVER_HOST$|FRONTEND|WEB_?APP|WEBSITE|SERVER_NAME|^(?:VITE|NEXT_PUBLIC|REACT_APP|NUXT|EXPO|GATSBY|VUE_APP)_|(?:^|_)(?:SITE|APP|BASE|ROOT|HOME|WEB|UI|CLIENT|NEXTAUTH|AUTH|SELF|INSTANCE|OWN|ACCESS|CANONICAL|FARO|WEBHOOK)_?(?:URL|URI|ENDPOINT|HOST|ADDRESS)$|SCOPES?$|CSP|COOKIE`)

// connects says that a variable of a service may be an address that it connects to
// itself. A database is not a client of what came to it with a shared env_file.
func (p *project) connects(s compose.Service, name string) bool {
	if forBrowsers.MatchString(name) {
		return false
	}
	_, written := p.Written("services", s.Name, "environment", name)
	return written || s.Role == "" && !images.KeepsData(s.Image)
}

// isOwn says that a variable is about the server that the service itself is, such
// as MARIADB_HOST of a MariaDB.
func isOwn(s compose.Service, name string) bool {
	return images.KeepsData(s.Image) && ownName(s.Image).MatchString(name)
}

func ownName(image string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)` + regexp.QuoteMeta(images.Repository(image)))
}
