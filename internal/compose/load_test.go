package compose

import (
	"strings"
	"testing"
)

func load(t *testing.T, o Options, contents ...string) (*Project, error) {
	t.Helper()
	var files []File
	for i, c := range contents {
		name := "compose.yaml"
		if i > 0 {
			name = "override.yaml"
		}
		files = append(files, File{name, []byte(c)})
	}
	return Load(t.Context(), files, o)
}

func TestErrorsTellThePlace(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		env   map[string]string
		says  string
	}{
		"nothing":               {nil, nil, "there is no compose file"},
		"empty":                 {[]string{""}, nil, "empty compose file"},
		"no mapping":            {[]string{"- a\n"}, nil, "compose.yaml:1: the top of a compose file must be a mapping"},
		"no YAML":               {[]string{"services:\n  a: [\n"}, nil, "compose.yaml:3: no valid YAML: "},
		"required":              {[]string{"services:\n  db:\n    image: postgres\n    environment:\n      POSTGRES_PASSWORD: ${PW:?set it in .env}\n"}, nil, "compose.yaml:5: services.db.environment.POSTGRES_PASSWORD: the required variable PW is not set: set it in .env"},
		"required in list":      {[]string{"services:\n  db:\n    image: postgres\n    environment:\n      - A=b\n      - POSTGRES_PASSWORD=${PW:?}\n"}, nil, "the required variable PW is not set"},
		"bad interpolation":     {[]string{"services:\n  db:\n    image: ${\n"}, nil, "compose.yaml:3: services.db.image: no valid use of a variable; a plain $ is written $$"},
		"unknown key":           {[]string{"services:\n  web:\n    image: a\n    prots: [80]\n"}, nil, "compose.yaml:4: services.web.prots is not of the compose specification; extensions begin with x-"},
		"unknown key on top":    {[]string{"servces: {}\nservices: {web: {image: a}}\n"}, nil, "compose.yaml:1: "},
		"in the override":       {[]string{"services:\n  web:\n    image: a\n", "services:\n  web:\n    ports: 3\n"}, nil, "override.yaml:3: services.web.ports must be a list"},
		"unknown dependency":    {[]string{"services:\n  web:\n    image: a\n    depends_on:\n      - x\n      - db\n  x: {image: b}\n"}, nil, `compose.yaml:6: service "web" depends on undefined service "db"`},
		"cycle":                 {[]string{"services:\n  a: {image: a, depends_on: [b]}\n  b: {image: b, depends_on: [a]}\n"}, nil, "cycle"},
		"no image":              {[]string{"services:\n  web: {}\n"}, nil, `compose.yaml:2: service "web" has neither an image nor a build context specified`},
		"include":               {[]string{"include: [other.yaml]\nservices:\n  web: {image: a}\n"}, nil, "compose.yaml:1: include is not read here, as there are no other files: `kubectl bridge init` resolves it"},
		"include env file":      {[]string{"include: [{env_file: /etc/passwd}]\nservices:\n  web: {image: a}\n"}, nil, "compose.yaml:1: include is not read here"},
		"extends file":          {[]string{"services:\n  web:\n    image: a\n    extends:\n      file: ../../x\n      service: b\n"}, nil, "compose.yaml:5: ../../x is not read here: "},
		"env_file":              {[]string{"services:\n  web:\n    image: a\n    env_file: /etc/passwd\n"}, nil, "compose.yaml:4: services.web.env_file: /etc/passwd is not read here: "},
		"label_file":            {[]string{"services:\n  web:\n    image: a\n    label_file: /etc/passwd\n"}, nil, "compose.yaml:4: services.web.label_file: /etc/passwd is not read here: "},
		"malformed":             {[]string{"services:\n  web:\n    image: a\n    extends: {file: 3, service: b}\n"}, nil, "the compose files are malformed"},
		"alias bomb":            {[]string{"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nservices: {web: {image: a}}\n"}, nil, "compose.yaml: the YAML has more than 30000 nodes"},
		"alias cycle":           {[]string{"x-a: &a {b: *a}\nservices: {web: {image: a}}\n"}, nil, "compose.yaml: the YAML is nested more than 64 deep, or an alias contains itself"},
		"deep":                  {[]string{"x-a: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000)}, nil, "compose.yaml"},
		"large":                 {[]string{"x-a: " + strings.Repeat("a", MaxBytes)}, nil, "more than 512 KiB"},
		"port ranges":           {[]string{"services:\n  web:\n    image: a\n    ports: ['1-65535']\n"}, nil, "port ranges of more than 4096 ports are not written out"},
		"nested variables":      {[]string{"services:\n  web:\n    image: " + strings.Repeat("${A:-", 1000) + strings.Repeat("}", 1000)}, nil, "variables are nested more than 8 deep"},
		"variables without end": {[]string{"services:\n  web:\n    image: '" + strings.Repeat("${A}", 50000) + "'\n"}, map[string]string{"A": "a"}, "compose.yaml:3: services.web.image: a value uses variables 50000 times"},
		"a bomb of variables":   {[]string{"services:\n  web:\n    image: '" + strings.Repeat("${A}", 1000) + "'\n"}, map[string]string{"A": strings.Repeat("a", 100000)}, "a value uses variables 1000 times"},
		"a bomb of extends":     {[]string{"services:\n  base:\n    image: a\n    command: [" + strings.Repeat("a, ", 2000) + "a]\n" + strings.Repeat("  X: {extends: base}\n", 200)}, nil, "compose.yaml: 200 services extend another one, which is too much to be copied"},
		"a host port":           {[]string{"services:\n  a:\n    image: a\n    ports:\n    - 80:80\n    - \"99999:80\"\n"}, nil, "compose.yaml:6: services.a.ports: Invalid hostPort: 99999"},
		"a container port":      {[]string{"services:\n  a:\n    image: a\n    ports: [\"80:x\"]\n"}, nil, "compose.yaml:4: services.a.ports: Invalid containerPort: x"},
		"a volume":              {[]string{"services:\n  a:\n    image: a\n    volumes:\n    - \":/x\"\n"}, nil, "compose.yaml:5: services.a.volumes: invalid spec: :/x: empty section"},
		"a key twice":           {[]string{"services:\n  a:\n    image: a\n    environment:\n      X: 1\n      X: 2\n"}, nil, `compose.yaml:6: "X" is there twice, first at line 5`},
		"a service twice":       {[]string{"services: {b: {image: b}}\n", "services:\n  a:\n    image: a\n  a:\n    image: b\n"}, nil, `override.yaml:4: "a" is there twice, first at line 2`},
		"a size":                {[]string{"services:\n  a:\n    image: a\n    mem_limit: lots\n"}, nil, "compose.yaml:4: services.a.mem_limit: invalid size: 'lots'"},
		"a duration":            {[]string{"services:\n  a:\n    image: a\n    healthcheck:\n      test: x\n      interval: often\n"}, nil, "compose.yaml:6: services.a.healthcheck.interval: time: invalid duration \"often\""},
		"a circle of extends":   {[]string{"services:\n  a:\n    extends: b\n  b:\n    extends: a\n"}, nil, "compose.yaml:3: services extend each other in a circle: a, b, a"},
		"what is not there":     {[]string{"services:\n  a:\n    extends: {service: nope}\n"}, nil, `cannot extend service "a" in compose.yaml: service "nope" not found`},
		"a service's name":      {[]string{"services:\n  ümlaut:\n    image: a\n"}, nil, `compose.yaml:2: services: "ümlaut" is no name of a service`},
		"a name twice":          {[]string{"services:\n  app:\n    image: a\n    container_name: xy\n    deploy: {replicas: 3}\n"}, nil, "compose.yaml:4: services.app.container_name: several containers"},
		"a version":             {[]string{"version: 3\nservices: {a: {image: a}}\n"}, nil, "compose.yaml:1: version must be a string"},
		"no services":           {[]string{"a:\n  image: nginx\n"}, nil, "compose.yaml:1: unknown keys 'a' not allowed"},
		"a dash for a name":     {[]string{"services:\n  -: {image: a}\n"}, nil, "compose.yaml:2: services.-: a service's name begins and ends with a letter"},
		"a long name":           {[]string{"services:\n  " + strings.Repeat("a", 300) + ": {image: a}\n"}, nil, "a service's name has 63 characters at most"},
		"a variable's name":     {[]string{"services:\n  a:\n    image: a\n    environment: {\"A\\0\": x}\n"}, nil, `compose.yaml:4: services.a.environment: "A\x00" is no name of a variable`},
		"a negative period":     {[]string{"services:\n  a:\n    image: a\n    stop_grace_period: -5s\n"}, nil, "compose.yaml:4: services.a.stop_grace_period: a period is not negative"},
		"a restart policy":      {[]string{"services:\n  a:\n    image: a\n    restart: sometimes\n"}, nil, "compose.yaml:4: services.a.restart: sometimes is not one of"},
		"what is exposed":       {[]string{"services:\n  a:\n    image: a\n    expose: [x]\n"}, nil, "compose.yaml:4: services.a.expose.0: x is no port"},
		"missing in many":       {[]string{"x-e: &e\n  A: ${Q:?why}\nservices:\n  a: {image: a, environment: *e}\n  b: {image: b, environment: *e}\n"}, nil, "compose.yaml:2: services.a.environment.A: the required variable Q is not set: why (and so in 2 more places)"},
		"many services":         {[]string{"services:\n" + strings.Repeat("  ? {}\n  : {}\n", 300)}, nil, "the compose files have 300 services; at most 256 are read"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := load(t, Options{Environment: c.env}, c.files...)
			if err == nil {
				t.Fatalf("loaded %v", p.Model.Services)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("got  %s\nwant %s", err, c.says)
			}
		})
	}
}

// Where the files are, what is on other machines is refused all the same.
func TestNothingIsFetched(t *testing.T) {
	dir := directory(t)
	for _, path := range []string{"https://example.com/compose.yaml", "git@example.com:a/b.git", "oci://example.com/a:1", "https://github.com/a/b.git#main:c"} {
		for _, content := range []string{"include: ['" + path + "']\nservices: {a: {image: a}}", "services: {a: {extends: {file: '" + path + "', service: b}}}"} {
			_, err := load(t, Options{Directory: dir}, content)
			if err == nil || !strings.Contains(err.Error(), "compose.yaml:1: "+path+" is remote and is not fetched") {
				t.Errorf("%s: %v", content, err)
			}
		}
	}
}
