package manifests

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

func mounting(files fstest.MapFS) func(*Input) { return func(in *Input) { in.Files = files } }

func (m made) notes() string {
	var out []string
	for _, n := range m.Notes {
		out = append(out, n.Describe())
	}
	return strings.Join(out, "\n")
}

func (m made) service(t *testing.T, name string) *corev1.Service {
	t.Helper()
	s, ok := m.objects["Service/"+name].(*corev1.Service)
	if !ok {
		t.Fatalf("there is no Service %s in\n%s", name, m.text)
	}
	return s
}

func (m made) waits(t *testing.T, workload string) string {
	t.Helper()
	var out []string
	for _, c := range m.pod(t, workload).InitContainers {
		if strings.HasPrefix(c.Name, "bridgestack-wait") {
			out = append(out, strings.Join(c.Args[1:len(c.Args)-1], " "))
		}
	}
	return strings.Join(out, "; ")
}

// mount is where a container has something, and what it is.
func (m made) mount(t *testing.T, workload, target string) string {
	t.Helper()
	pod := m.pod(t, workload)
	for _, c := range pod.Containers[0].VolumeMounts {
		if c.MountPath != target {
			continue
		}
		for _, v := range pod.Volumes {
			if v.Name != c.Name {
				continue
			}
			switch {
			case v.ConfigMap != nil:
				return "ConfigMap " + v.ConfigMap.Name
			case v.Projected != nil:
				return fmt.Sprintf("%d projected", len(v.Projected.Sources))
			case v.PersistentVolumeClaim != nil:
				return "claim " + v.PersistentVolumeClaim.ClaimName
			case v.EmptyDir != nil && v.EmptyDir.SizeLimit != nil:
				return "empty " + string(v.EmptyDir.Medium) + " " + v.EmptyDir.SizeLimit.String()
			case v.EmptyDir != nil:
				return "empty " + string(v.EmptyDir.Medium)
			case v.NFS != nil:
				return "nfs " + v.NFS.Server + ":" + v.NFS.Path
			case v.Secret != nil:
				return "Secret"
			}
		}
		return "template " + c.Name
	}
	return ""
}

// TestEverythingHasAName: in compose whatever runs is reached by its name.
func TestEverythingHasAName(t *testing.T) {
	m := of(t, "services: {db: {image: \"acme/sqlserver:1\"}, web: {image: \"acme/web:1\", ports: [\"80:80\"]}, turn: {image: c, ports: [\"40000-44095:40000-44095/udp\"]}}\n", nil)
	for name, headless := range map[string]bool{"db": true, "web": false, "turn": true} {
		if s := m.service(t, name); (s.Spec.ClusterIP == "None") != headless {
			t.Errorf("%s: %+v", name, s.Spec)
		}
	}
	if !strings.Contains(m.notes(), "4096 ports") {
		t.Errorf("notes:\n%s", m.notes())
	}
}

// TestServersThatBindTheirName: the pod's own address is what the name leads to
// inside of it.
func TestServersThatBindTheirName(t *testing.T) {
	m := of(t, `
services:
  broker: {image: "confluentinc/cp-kafka:7.6.1", hostname: broker, environment: {KAFKA_LISTENERS: "PLAINTEXT://broker:29092,C://broker:9093", KAFKA_ADVERTISED_LISTENERS: "PLAINTEXT://broker:29092"}, volumes: ["data:/var/lib/kafka/data"]}
  namenode: {image: "apache/hadoop:3", environment: {CORE_CONF_fs_defaultFS: "hdfs://namenode:9000"}}
  mail: {image: m, hostname: mail.example.com, ports: [25]}
  post: {image: m, hostname: post, domainname: example.com, ports: [25]}
  tower: {image: m, hostname: tower.example.com, network_mode: host}
  site.api: {image: m, hostname: site.api, ports: [26]}
  db: {image: "postgres:16", hostname: db, volumes: ["pg:/var/lib/postgresql/data"]}
  rabbit: {image: "rabbitmq:3", hostname: rabbit1, volumes: ["mq:/var/lib/rabbitmq"]}
volumes: {data: , pg: , mq: }
`, nil)
	for workload, want := range map[string]string{"Deployment/broker": "broker", "Deployment/namenode": "namenode", "Deployment/mail": "mail", "Deployment/site-api": "site-api", "StatefulSet/db": "", "Deployment/rabbit": "rabbit1"} {
		if got := m.pod(t, workload).Hostname; got != want {
			t.Errorf("%s: hostname %q, want %q", workload, got, want)
		}
	}
	for workload, want := range map[string]string{"mail": "mail.example.com", "post": "post.example.com", "tower": "", "site-api": "", "broker": ""} {
		got := ""
		if name := m.pod(t, "Deployment/"+workload).HostnameOverride; name != nil {
			got = *name
		}
		if got != want {
			t.Errorf("%s is called %q in full, want %q", workload, got, want)
		}
	}
	if d := m.objects["Deployment/broker"].(*appsv1.Deployment); d.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType || m.mount(t, "Deployment/broker", "/var/lib/kafka/data") != "claim shop-data" {
		t.Errorf("its data: %+v", d.Spec.Strategy)
	}
	for _, says := range []string{"db-0", "called mail.example.com by hostnameOverride, which Kubernetes knows from 1.35 on"} {
		if !strings.Contains(m.notes(), says) {
			t.Errorf("no note on %s:\n%s", says, m.notes())
		}
	}
}

// TestWhatEndsIsAJob: and what serves is none, whatever restart says.
func TestWhatEndsIsAJob(t *testing.T) {
	m := of(t, `
services:
  migrate: {image: a, command: ["./migrate"], restart: on-failure}
  retried: {image: a, restart: "on-failure:5", command: [./import]}
  unsure: {image: a, restart: on-failure}
  asked: {image: a, restart: on-failure, command: [./api]}
  asks: {image: a, environment: {ASKED: "http://asked/"}}
  buckets: {image: minio/mc, entrypoint: "/bin/sh -c 'mc alias set s http://s:9000; mc mb s/b; exit 0'"}
  pull: {image: ollama/ollama, command: [ollama, pull, llama3]}
  db-init: {image: a}
  told: {image: a, x-bridge: {oneShot: true}, ports: [80]}
  server: {image: a, restart: "no", ports: ["8080:80"], healthcheck: {test: "true"}}
  worker: {image: a, command: "celery -A app worker", restart: on-failure}
  both: {image: a, command: "sh -c 'python manage.py migrate && gunicorn app'"}
  loop: {image: a, command: "sh -c 'while true; do curl x; sleep 5; done'"}
  queue: {image: "redis:7", entrypoint: [sh, -c], command: ["touch /tmp/up; while redis-cli BRPOPLPUSH a b 0; do :; done"]}
  waits: {image: "redis:7", command: "sh -c 'redis-cli flushall; while ! redis-cli ping; do sleep 1; done'"}
  lines: {image: "redis:7", command: "sh -c 'while read line; do redis-cli publish a $$line; done'"}
  told-not: {image: a, command: ./migrate, x-bridge: {oneShot: false}}
  plain: {image: a}
  certs: {image: "elasticsearch:8.15.0", command: ["bash", "-c", "make-certs && sleep 1d"], healthcheck: {test: "test -f /c/ca.crt"}}
  client: {image: a, depends_on: {server: {condition: service_healthy}, certs: {condition: service_healthy}}}
`, nil)
	for name, job := range map[string]bool{
		"migrate": true, "retried": true, "buckets": true, "pull": true, "db-init": true, "told": true, "waits": true, "lines": true,
		"server": false, "worker": false, "both": false, "loop": false, "queue": false, "told-not": false, "plain": false, "certs": false, "client": false, "unsure": false, "asked": false,
	} {
		if _, is := m.objects["Job/"+name].(*batchv1.Job); is != job {
			t.Errorf("%s: Job %t, want %t", name, is, job)
		}
	}
	if n := m.objects["Job/retried"].(*batchv1.Job).Spec.BackoffLimit; n == nil || *n != 5 {
		t.Errorf("on-failure:5 is tried %v times", n)
	}
	if got := m.waits(t, "Deployment/client"); got != "--name=certs; --protocol=tcp --address=server:80" {
		t.Errorf("client waits for %s", got)
	}
	if !strings.Contains(m.notes(), "services.unsure.restart: it goes on, though") {
		t.Errorf("what is not sure is said:\n%s", m.notes())
	}
	if !strings.Contains(m.notes(), "services.db-init.command: it is a Job, as its name says so") {
		t.Errorf("notes:\n%s", m.notes())
	}
}

// TestJobThatOthersNeedReady: a setup that is healthy before it has ended.
func TestJobThatOthersNeedReady(t *testing.T) {
	m := of(t, `
services:
  setup: {image: e, command: "bash -c 'make certs; until curl es; do sleep 1; done; echo All done!'", healthcheck: {test: "test -f /c", interval: 1s}}
  es: {image: e2, depends_on: {setup: {condition: service_healthy}}}
`, nil)
	if got := m.waits(t, "Deployment/es"); got != "--job=setup --ready" || m.pod(t, "Job/setup").Containers[0].ReadinessProbe == nil {
		t.Errorf("es waits for %s", got)
	}
}

// TestPortsThatTheProjectTells: by checks, mounted files and Dockerfiles.
func TestPortsThatTheProjectTells(t *testing.T) {
	files := fstest.MapFS{
		"project/nginx.conf":     {Data: []byte("location / { proxy_pass http://site:3000; }\n")},
		"project/app/Dockerfile": {Data: []byte("FROM node AS build\nEXPOSE 9999\nFROM node\nEXPOSE 4000 5000/udp\n")},
	}
	m := of(t, `
services:
  api: {image: a, healthcheck: {test: "node -e fetch('http://localhost:3001/')"}}
  own: {image: a, healthcheck: {test: "curl -f http://own:3002/"}}
  nc: {image: a, healthcheck: {test: "nc -z 127.0.0.1 3003"}}
  site: {image: a}
  built: {build: ./app}
  proxy: {image: nginx, volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]}
  flink: {image: "flink:1.20", command: jobmanager, ports: ["8081:8081"]}
  es: {image: "elasticsearch:8.15.0"}
  range: {image: a, expose: ["3000-3002"]}
`, nil, mounting(files))
	for name, want := range map[string]string{
		"api": "3001", "own": "3002", "nc": "3003", "site": "3000", "built": "4000 5000", "proxy": "80", "flink": "6123 6124 8081", "es": "9200 9300", "range": "3000 3001 3002",
	} {
		var ports []string
		for _, p := range m.service(t, name).Spec.Ports {
			ports = append(ports, fmt.Sprint(p.Port))
		}
		if got := strings.Join(ports, " "); got != want {
			t.Errorf("%s: ports %s, want %s", name, got, want)
		}
	}
}

// TestDirectories: what the project has is there, what it keeps is kept, and what
// belongs to the host is said.
func TestDirectories(t *testing.T) {
	files := fstest.MapFS{
		"project/prov/ds/a.yaml": {Data: []byte("a: 1\n")}, "project/prov/dashboards/b.json": {Data: []byte("{}")}, "project/keep/.gitkeep": {},
		"project/dash/x.json": {Data: []byte("{}")}, "project/data/state.db": {Data: []byte("x")}, "project/large.sql": {Data: []byte(strings.Repeat("x", 300<<10))},
	}
	for i := range 40 {
		files[fmt.Sprintf("project/many/%d.conf", i)] = &fstest.MapFile{Data: []byte(strings.Repeat("y", 10<<10))}
	}
	m := of(t, `
services:
  db: {image: "postgres:16", volumes: ["/srv/pg:/var/lib/postgresql/data"]}
  app:
    image: a
    volumes:
    - ./prov:/etc/grafana/provisioning
    - ./keep:/var/cache/app
    - ./dash:/var/lib/grafana/dashboards
    - ./data:/data
    - ./many:/etc/many
    - ./large.sql:/init/large.sql
    - ./certs/key.pem:/etc/key.pem
    - ./nothere:/nothere
    - /mnt/media:/media
    - /var/run/docker.sock:/var/run/docker.sock
    - /proc:/host/proc:ro
    - ~/.aws:/root/.aws
    - ram:/ram
    - share:/share
    - v:/v
    tmpfs: ["/run:size=16m"]
volumes:
  ram: {driver_opts: {type: tmpfs, device: tmpfs, o: "size=100m"}}
  share: {driver_opts: {type: nfs, o: "addr=10.0.0.9,rw", device: ":/x"}}
  v:
`, nil, mounting(files))
	if got := m.mount(t, "StatefulSet/db", "/var/lib/postgresql/data"); got != "template pg" {
		t.Errorf("the database keeps its data in %q", got)
	}
	for target, want := range map[string]string{
		"/etc/grafana/provisioning": "ConfigMap app-prov", "/var/cache/app": "claim shop-keep", "/var/lib/grafana/dashboards": "ConfigMap app-dash", "/data": "claim shop-data",
		"/etc/many": "3 projected", "/init/large.sql": "ConfigMap app-large-sql", "/etc/key.pem": "", "/nothere": "claim shop-nothere", "/media": "claim shop-media",
		"/var/run/docker.sock": "", "/host/proc": "", "/root/.aws": "", "/ram": "empty Memory 100Mi", "/share": "nfs 10.0.0.9:/x", "/v": "claim shop-v", "/run": "empty Memory 16Mi",
	} {
		if got := m.mount(t, "Deployment/app", target); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
	if strings.Contains(m.text, "xxxx") {
		t.Error("kubectl apply refuses a ConfigMap of 300 KiB")
	}
	for _, says := range []string{"kubectl create configmap app-large-sql --from-file=large.sql", "./certs/key.pem is not there", "docker.sock is a socket", "/proc is the host's own", "credentials", "./data is an empty volume", "/srv/pg of the host"} {
		if !strings.Contains(m.notes(), says) {
			t.Errorf("no note %q in\n%s", says, m.notes())
		}
	}
	for _, v := range m.pod(t, "Deployment/app").Volumes {
		if v.ConfigMap != nil && v.ConfigMap.Name == "app-prov" && (len(v.ConfigMap.Items) != 2 || v.ConfigMap.Items[0].Path != "dashboards/b.json" || v.ConfigMap.Items[1].Key != "ds_a.yaml") {
			t.Errorf("items %v", v.ConfigMap.Items)
		}
	}
}

// TestSourceMounts: they do not hide what the image was built with.
func TestSourceMounts(t *testing.T) {
	files := fstest.MapFS{"project/web/main.py": {Data: []byte("x")}, "project/nginx/conf.d/a.conf": {Data: []byte("x")}, "project/app/x.rb": {Data: []byte("x")}}
	m := of(t, `
services:
  app: {build: ., volumes: ["./app:/code", "/code/node_modules", "./uploads:/code/uploads"]}
  all: {build: ., volumes: [".:/app"]}
  web: {build: ./web, volumes: ["./web:/srv/web"]}
  proxy: {build: ./nginx, volumes: ["./nginx/conf.d:/etc/nginx/conf.d"]}
  image: {image: python, volumes: ["./web:/app"]}
`, nil, mounting(files))
	for _, c := range []struct{ workload, target, want string }{
		{"app", "/code", ""}, {"app", "/code/node_modules", ""}, {"app", "/code/uploads", "claim shop-uploads"}, {"all", "/app", ""}, {"web", "/srv/web", ""},
		{"proxy", "/etc/nginx/conf.d", "ConfigMap proxy-conf-d"}, {"image", "/app", "ConfigMap image-web"},
	} {
		if got := m.mount(t, "Deployment/"+c.workload, c.target); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.workload, c.target, got, c.want)
		}
	}
}

// TestFreshVolumes: Docker fills them with what the image has there.
func TestFreshVolumes(t *testing.T) {
	m := of(t, `
services:
  web: {image: "acme/erp:1", user: "1000:1000", volumes: ["assets:/srv/assets"]}
  none: {image: a, volumes: [{type: volume, source: other, target: /srv/other, volume: {nocopy: true}}]}
  db: {image: "mysql:8", volumes: ["db:/var/lib/mysql"]}
volumes: {assets: , other: , db: }
`, nil)
	pod := m.pod(t, "Deployment/web")
	if len(pod.InitContainers) != 1 || pod.InitContainers[0].Image != "acme/erp:1" || !strings.Contains(pod.InitContainers[0].Command[2], "cp -a /srv/assets/. ") || *pod.InitContainers[0].SecurityContext.RunAsUser != 1000 {
		t.Errorf("%+v", pod.InitContainers)
	}
	if n := len(m.pod(t, "Deployment/none").InitContainers) + len(m.pod(t, "StatefulSet/db").InitContainers); n != 0 {
		t.Errorf("%d are filled that are not to be", n)
	}
}

// TestSharedVolumesAreFilledOnce: by who brings something with it, and not again by who
// starts after that one.
func TestSharedVolumesAreFilledOnce(t *testing.T) {
	m := of(t, `
services:
  app: {image: "acme/erp:1", volumes: ["assets:/srv/assets"], healthcheck: {test: "true"}}
  worker: {image: "acme/erp:1", volumes: ["assets:/srv/assets"], depends_on: {app: {condition: service_healthy}}}
  other: {image: "acme/erp:1", volumes: ["assets:/srv/assets"], depends_on: {app: {condition: service_started, required: false}}}
  web: {image: "nginx:1.27", volumes: ["assets:/srv/www", "pages:/usr/share/nginx/html"]}
  editor: {image: "acme/editor:1", volumes: ["pages:/srv/pages"]}
  kibana: {image: "kibana:8.13.4", volumes: ["assets:/usr/share/kibana/config/certs"]}
volumes: {assets: , pages: }
`, nil)
	for workload, want := range map[string]string{"app": "fill-assets", "worker": "", "other": "fill-assets", "web": "fill-pages", "editor": "fill-pages", "kibana": ""} {
		var got []string
		for _, c := range m.pod(t, "Deployment/"+workload).InitContainers {
			if strings.HasPrefix(c.Name, "fill-") {
				got = append(got, c.Name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %s", workload, got, want)
		}
	}
}

// TestVolumesAreWritable: a fresh volume is root's.
func TestVolumesAreWritable(t *testing.T) {
	m := of(t, `
services:
  rp: {image: "redpandadata/redpanda:v24.2.7", volumes: ["a:/var/lib/redpanda/data"]}
  w: {image: w, user: "1000", volumes: ["b:/d"]}
  af: {image: w, user: "50000:0", volumes: ["c:/d"]}
  root: {image: w, user: root, volumes: ["d:/d"]}
  named: {image: w, user: www-data, volumes: ["e:/d"]}
  graf: {image: "grafana/grafana:11", volumes: ["f:/var/lib/grafana"]}
  unknown: {image: acme/app, volumes: ["h:/home/app/files"]}
  db: {image: "postgres:16", volumes: ["i:/var/lib/postgresql/data"]}
  bitnami: {image: "bitnami/mariadb:11", volumes: ["g:/bitnami/mariadb"]}
volumes: {a: , b: , c: , d: , e: , f: , g: , h: , i: }
`, nil)
	for workload, want := range map[string]int64{"StatefulSet/rp": 101, "Deployment/w": 1000, "Deployment/af": 0, "Deployment/root": -1, "Deployment/named": 1000, "Deployment/unknown": 1000, "StatefulSet/db": -1, "Deployment/graf": 472, "StatefulSet/bitnami": 1001} {
		got := int64(-1)
		if c := m.pod(t, workload).SecurityContext; c != nil && c.FSGroup != nil {
			got = *c.FSGroup
		}
		if got != want {
			t.Errorf("%s: fsGroup %d, want %d", workload, got, want)
		}
	}
	if c := m.pod(t, "Deployment/root").Containers[0].SecurityContext; c == nil || *c.RunAsUser != 0 {
		t.Errorf("root is 0: %+v", c)
	}
}

// TestPostgresBySettings: an image of one's own is a PostgreSQL all the same.
// TestClientsOfDatabases: what runs a client that is in the image of a server writes
// none of its data, and is replaced as any other.
func TestClientsOfDatabases(t *testing.T) {
	m := of(t, `
services:
  app: {image: "mariadb:11", command: [sh, -c, "mariadb -h db -e 'SELECT 1' && exec sleep infinity"], healthcheck: {test: "true"}}
  clerk: {image: "rabbitmq:3", entrypoint: [sh, -ec, "amqp-get --queue=orders > /tmp/order; exec sleep infinity"], healthcheck: {test: "true"}}
  own: {image: "mariadb:11", command: ./start-it, volumes: ["data:/var/lib/mysql"]}
  db: {image: "mariadb:11", depends_on: [app]}
volumes: {data: }
`, nil)
	for _, name := range []string{"app", "clerk"} {
		if ports := m.service(t, name).Spec.Ports; len(ports) > 0 {
			t.Errorf("%s listens: %+v", name, ports)
		}
	}
	for name, recreate := range map[string]bool{"app": false, "clerk": false, "db": true} {
		d := m.objects["Deployment/"+name].(*appsv1.Deployment)
		if got := d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType; got != recreate {
			t.Errorf("%s: two never run at once: %t", name, got)
		}
	}
	if _, is := m.objects["StatefulSet/own"]; !is {
		t.Errorf("own keeps no data:\n%s", m.text)
	}
}

func TestPostgresBySettings(t *testing.T) {
	m := of(t, `
services:
  pg: {image: "acme/postgresql-ha:16", environment: {POSTGRES_DB: x, POSTGRES_PASSWORD: q1w2e3r4}, volumes: ["pgdata:/var/lib/postgresql/data"]}
  exporter: {image: "prometheuscommunity/postgres-exporter", environment: {POSTGRES_PASSWORD: x1}}
  app: {image: a, depends_on: [pg]}
volumes: {pgdata: }
`, nil)
	if got := m.waits(t, "Deployment/app"); got != "--protocol=postgres --address=pg:5432" || m.env(t, "StatefulSet/pg")["PGDATA"].Value == "" {
		t.Errorf("app waits for %s", got)
	}
	if strings.Contains(m.text, "--address=exporter") || m.objects["Deployment/exporter"] == nil {
		t.Error("the exporter is none")
	}
}

// TestRenamedHosts: in mounted files as well, each once, and never in silence.
func TestRenamedHosts(t *testing.T) {
	files := fstest.MapFS{"project/nginx.conf": {Data: []byte("upstream web_app { server web_app:3000; }\nserver { location / { proxy_pass http://web_app; } location /x { proxy_pass http://web_app:3000; } }\n")}}
	m := of(t, `
services:
  web_app: {image: "acme/web:1", ports: [3000]}
  A_b.C: {image: a, ports: [1000]}
  a-b-c: {image: a, ports: [2000]}
  db: {image: d, networks: {n: {ipv4_address: 172.28.0.5}}}
  proxy: {image: nginx, volumes: ["./nginx.conf:/etc/nginx/nginx.conf"], environment: {URL: "http://A_b.C:1000/", OTHER: "http://a-b-c:2000/", DB: "172.28.0.5:5432", IP: 172.28.0.5}}
networks: {n: }
`, nil, mounting(files))
	text := m.objects["ConfigMap/proxy-nginx-conf"].(*corev1.ConfigMap).Data["nginx.conf"]
	if want := "upstream web_app { server web-app:3000; }\nserver { location / { proxy_pass http://web_app; } location /x { proxy_pass http://web-app:3000; } }\n"; text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	e := m.env(t, "Deployment/proxy")
	if e["URL"].Value != "http://a-b-c-2:1000/" || e["OTHER"].Value != "http://a-b-c:2000/" || e["DB"].Value != "db:5432" || e["IP"].Value != "db" {
		t.Errorf("%+v", e)
	}
	if !strings.Contains(m.notes(), "hosts in nginx.conf are by the names that they have here: web_app is web-app") {
		t.Errorf("notes:\n%s", m.notes())
	}
}

// TestPlacementAndTheLike: what Kubernetes has is set, and what it has not is said.
func TestPlacementAndTheLike(t *testing.T) {
	m := of(t, `
services:
  a:
    image: a
    platform: linux/arm64
    deploy: {placement: {constraints: ["node.labels.disk == ssd", "node.role == manager", "node.hostname != n1"], preferences: [{spread: node.labels.zone}], max_replicas_per_node: 2}}
    sysctls: {net.ipv4.tcp_syncookies: "0", net.core.somaxconn: 1024}
    ulimits: {nofile: 65536}
    devices: ["/dev/dri:/dev/dri"]
    init: true
    stop_signal: SIGINT
    labels: {traefik.enable: "true"}
    dns_search: [example.com]
    runtime: nvidia
    security_opt: ["no-new-privileges:false", "seccomp:unconfined", "label:disable"]
    pre_stop: [{command: [drain]}]
    gpus: [{driver: nvidia, device_ids: ["0", "3"]}]
  h: {image: h, network_mode: host, pid: host}
  g: {image: g, deploy: {resources: {reservations: {devices: [{driver: nvidia, device_ids: ["0", "3"], capabilities: [gpu]}]}}}}
`, nil)
	pod := m.pod(t, "Deployment/a")
	terms := pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms[0].MatchExpressions
	if pod.NodeSelector[corev1.LabelArchStable] != "arm64" || len(terms) != 2 || terms[0].Key != "disk" || terms[1].Operator != corev1.NodeSelectorOpNotIn || len(pod.TopologySpreadConstraints) != 2 {
		t.Errorf("placement %+v %+v", pod.NodeSelector, terms)
	}
	if len(pod.SecurityContext.Sysctls) != 1 || pod.DNSConfig.Searches[0] != "example.com" {
		t.Errorf("pod %+v", pod)
	}
	c := pod.Containers[0]
	if c.SecurityContext.AllowPrivilegeEscalation != nil || c.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeUnconfined || c.Lifecycle.PreStop == nil {
		t.Errorf("container %+v", c.SecurityContext)
	}
	for workload, n := range map[string]int64{"Deployment/a": 2, "Deployment/g": 2} {
		if q := m.pod(t, workload).Containers[0].Resources.Limits["nvidia.com/gpu"]; q.Value() != n {
			t.Errorf("%s has %d GPUs", workload, q.Value())
		}
	}
	if h := m.pod(t, "Deployment/h"); !h.HostNetwork || !h.HostPID || h.DNSPolicy != corev1.DNSClusterFirstWithHostNet {
		t.Errorf("host %+v", h)
	}
	for _, says := range []string{"node.role", "somaxconn", "ulimits", "devices", "init", "stop_signal", "labels", "runtime", "label is left out", "disk=ssd", "node's own network"} {
		if !strings.Contains(m.notes(), says) {
			t.Errorf("no note on %s in\n%s", says, m.notes())
		}
	}
	if slices.ContainsFunc(m.Decisions, func(n Note) bool { return n.Line == 0 || n.Text == "" }) || len(m.Decisions) == 0 {
		t.Errorf("decisions %v", m.Decisions)
	}
}

// TestClustersFormBeforeTheyAreHealthy: their members find each other, and who waits
// for them to be healthy does.
func TestClustersFormBeforeTheyAreHealthy(t *testing.T) {
	m := of(t, `
services:
  es01: {image: "elasticsearch:8.15.0", environment: {discovery.seed_hosts: es02, node.name: es01}, healthcheck: {test: "curl -f http://localhost:9200/_cluster/health"}}
  es02: {image: "elasticsearch:8.15.0", environment: {discovery.seed_hosts: es01, node.name: es02}}
  kibana: {image: "kibana:8.15.0", depends_on: {es01: {condition: service_healthy}, es02: {condition: service_started}}, environment: {ELASTICSEARCH_HOSTS: "http://es01:9200"}}
`, nil)
	for name, unready := range map[string]bool{"es01": true, "es02": true, "es01-ready": false, "kibana": false} {
		if got := m.service(t, name).Spec.PublishNotReadyAddresses; got != unready {
			t.Errorf("%s leads to pods that are not ready: %t", name, got)
		}
	}
	if got := m.waits(t, "Deployment/kibana"); got != "--protocol=http --address=es01-ready:9200 --path=/_cluster/health; --protocol=tcp --address=es02:9200" {
		t.Errorf("kibana waits for %s", got)
	}
}

// TestUsersAreNoSecrets: where a password has the value of the user's name, too.
func TestUsersAreNoSecrets(t *testing.T) {
	m := of(t, `
services:
  app: {image: a, environment: {URL: "postgres://${U}:${P}@db/${N}", DB_USER: "${U}", DB_NAME: "${N}"}}
`, map[string]string{"U": "shop", "P": "shop", "N": "shop"})
	if e := m.env(t, "Deployment/app"); e["DB_USER"].Value != "shop" || e["DB_NAME"].Value != "shop" || e["URL"].ValueFrom == nil {
		t.Errorf("%+v", e)
	}
}

// TestSharedNetwork: containers that have one network are in one pod, where localhost is
// the same for all of them, and nobody waits for a port of its own pod.
func TestSharedNetwork(t *testing.T) {
	m := of(t, `services:
  vpn: {image: "vpn:1", cap_add: [NET_ADMIN], ports: ["8080:8080"], depends_on: [log]}
  log: {image: "redis:7"}
  torrent: {image: "t:1", network_mode: "service:vpn", user: "1000", depends_on: [vpn, db, ui], expose: ["6881"], volumes: ["data:/d"]}
  indexer: {image: "i:1", network_mode: "container:torrent", volumes: ["data:/x"]}
  db: {image: "postgres:16", environment: {POSTGRES_PASSWORD: "${PW}"}}
  ui: {image: "u:1", ports: ["80:80"], depends_on: [vpn]}
  web: {image: "w:1", depends_on: [torrent]}
  once: {image: "o:1", network_mode: "service:vpn", command: ["./migrate"], restart: "no"}
volumes: {data: }
`, map[string]string{"PW": "x"})
	pod := m.pod(t, "Deployment/vpn")
	var names []string
	for _, c := range pod.Containers {
		names = append(names, c.Name)
	}
	if got := strings.Join(names, " "); got != "vpn indexer torrent" {
		t.Errorf("the pod has %s", got)
	}
	if got := m.waits(t, "Deployment/vpn"); strings.Contains(got, "vpn") || !strings.Contains(got, "db:5432") || !strings.Contains(got, "log:6379") || strings.Contains(got, "ui") {
		t.Errorf("it waits for %s", got)
	}
	if got := m.waits(t, "Deployment/web"); !strings.Contains(got, "vpn") || strings.Contains(got, "torrent") {
		t.Errorf("web waits for %s", got)
	}
	var ports []string
	for _, p := range m.service(t, "vpn").Spec.Ports {
		ports = append(ports, p.Name)
	}
	if got := strings.Join(ports, " "); got != "tcp-6881 tcp-8080" {
		t.Errorf("its Service has %s", got)
	}
	if m.objects["Service/torrent"] != nil || m.objects["Deployment/torrent"] != nil {
		t.Error("torrent has objects of its own")
	}
	if len(pod.Volumes) != 1 || pod.Containers[1].VolumeMounts[0].Name != pod.Volumes[0].Name || pod.SecurityContext == nil || pod.SecurityContext.FSGroup == nil {
		t.Errorf("volumes %+v, security %+v", pod.Volumes, pod.SecurityContext)
	}
	if strings.Contains(m.text, "- name: torrent\n    dependsOn") || !strings.Contains(m.text, "torrent in vpn") {
		t.Error("the BridgeStack has torrent as a service")
	}
	if !strings.Contains(m.notes(), "once.network_mode: it does not share the network of vpn") || !strings.Contains(m.notes(), "torrent.network_mode: it is a container in the pod of vpn") {
		t.Errorf("notes: %s", m.notes())
	}
}

// TestPortsOfWhatRuns: a port is that of the server which runs, and not of another one
// that its image was made for.
func TestPortsOfWhatRuns(t *testing.T) {
	files := fstest.MapFS{"project/Dockerfile": {Data: []byte("FROM php\nEXPOSE 9000\n")}}
	m := of(t, `services:
  app: {build: .}
  queue: {build: ., command: php artisan queue:work}
  poll: {build: ., command: ./poll}
  serve: {build: {context: ., args: {A: b}}, command: ./serve}
  worker: {image: "bitnami/spark:3", environment: {SPARK_MODE: worker}}
  taskmanager: {image: "flink:1", command: taskmanager}
  mail: {image: "axllent/mailpit:1", ports: ["8025:8025"]}
  clickhouse: {image: clickhouse-of-ours, build: ., healthcheck: {test: "wget http://localhost:8123/"}, volumes: ["c:/var/lib/clickhouse"]}
volumes: {c: }
`, nil, mounting(files))
	for service, want := range map[string]string{
		"app": "9000", "queue": "", "poll": "", "serve": "9000", "worker": "8081", "taskmanager": "", "mail": "1025 8025", "clickhouse": "8123 9000 9009",
	} {
		var ports []string
		for _, p := range m.service(t, service).Spec.Ports {
			ports = append(ports, strings.TrimPrefix(p.Name, "tcp-"))
		}
		if got := strings.Join(ports, " "); got != want {
			t.Errorf("%s: %q, not %q", service, got, want)
		}
	}
	if m.objects["StatefulSet/clickhouse"] == nil {
		t.Error("a database of one's own image is no StatefulSet")
	}
	if !strings.Contains(m.notes(), "clickhouse.build: clickhouse-of-ours is built by compose") {
		t.Errorf("notes: %s", m.notes())
	}
}

// TestFilesOfTheImage: what an image is built with is not shared by those who do not
// mount it, and a web server before it has it from there.
func TestFilesOfTheImage(t *testing.T) {
	files := fstest.MapFS{
		"project/compose.yaml": {Data: []byte("x")}, "project/Dockerfile": {Data: []byte("FROM php\n")}, "project/index.php": {Data: []byte("<?php")},
		"project/l/beats.conf": {Data: []byte(`output { elasticsearch { password => "${ELASTIC_PASSWORD}" token: $TOKEN } }`)},
		"project/s/beats.conf": {Data: []byte(`output { elasticsearch { password => "canary-Zq81kx" } }`)},
	}
	m := of(t, `services:
  app: {build: ., volumes: [".:/srv/app"]}
  queue: {build: ., command: ./work, volumes: [".:/srv/app"]}
  web: {image: "nginx:1", volumes: [".:/var/www/html", "./public:/static"]}
  logstash: {image: "logstash:8", volumes: ["./l:/usr/share/logstash/pipeline", "./s:/usr/share/logstash/secrets.d"]}
`, nil, mounting(files))
	if len(m.pod(t, "Deployment/web").InitContainers) != 2 {
		t.Fatalf("%+v", m.pod(t, "Deployment/web").InitContainers)
	}
	fill := m.pod(t, "Deployment/web").InitContainers
	if fill[0].Image != "shop-app" || !strings.Contains(fill[0].Command[2], "cp -a /srv/app/. ") || !strings.Contains(fill[1].Command[2], "cp -a /srv/app/public/. ") {
		t.Errorf("%+v", fill)
	}
	if strings.Contains(m.notes(), "shared by") || m.objects["PersistentVolumeClaim/shop-project"] != nil {
		t.Errorf("notes: %s", m.notes())
	}
	if got := m.mount(t, "Deployment/logstash", "/usr/share/logstash/pipeline"); got != "ConfigMap logstash-l" {
		t.Errorf("a file that refers to a variable is in %s", got)
	}
	if got := m.mount(t, "Deployment/logstash", "/usr/share/logstash/secrets.d"); strings.HasPrefix(got, "ConfigMap") {
		t.Errorf("a file with a password is in %s", got)
	}
}

// TestHostRange: servers that are named in one word find themselves, and each other
// before they are ready.
func TestHostRange(t *testing.T) {
	text := "services:\n"
	for _, name := range []string{"minio1", "minio2", "minio9"} {
		text += "  " + name + ": {image: \"minio/minio:1\", command: \"server http://minio{1...2}/data{1...2}\", hostname: " + name + ", healthcheck: {test: mc ready local}, volumes: [\"" + name + ":/data1\"]}\n"
	}
	m := of(t, text+"volumes: {minio1: , minio2: , minio9: }\n", nil)
	if got := m.pod(t, "Deployment/minio2").Hostname; got != "minio2" || !m.service(t, "minio2").Spec.PublishNotReadyAddresses {
		t.Errorf("minio2 is called %q", got)
	}
	if m.objects["StatefulSet/minio9"] == nil {
		t.Error("minio9 is none of them")
	}
}

// TestSharedFiles: files that several services mount are in one ConfigMap.
func TestSharedFiles(t *testing.T) {
	m := of(t, "services:\n  a: {image: \"a:1\", volumes: [\"./conf:/etc/a\", \"./own.ini:/etc/o.ini\"]}\n  b: {image: \"b:1\", volumes: [\"./conf:/etc/b\"]}\n", nil,
		mounting(fstest.MapFS{"project/conf/x.ini": {Data: []byte("a=b")}, "project/own.ini": {Data: []byte("c=d")}}))
	got := []string{m.mount(t, "Deployment/a", "/etc/a"), m.mount(t, "Deployment/b", "/etc/b"), m.mount(t, "Deployment/a", "/etc/o.ini")}
	if want := []string{"ConfigMap shop-conf", "ConfigMap shop-conf", "ConfigMap a-own-ini"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestAddressForBrowsers: one that leads to a service by the host's port makes nobody
// wait for it.
func TestAddressForBrowsers(t *testing.T) {
	m := of(t, `services:
  proxy: {image: "p:1", ports: ["8080:80"], depends_on: [web]}
  web: {image: "w:1", expose: ["3000"], environment: {HOST_NAME: "localhost:8080"}, healthcheck: {test: ./check}}
`, nil)
	if got := m.waits(t, "Deployment/proxy"); !strings.Contains(got, "web:3000") {
		t.Errorf("proxy waits for %q; %s", got, m.notes())
	}
}

// TestNothingInSilence: what has no counterpart is told at its own key.
func TestNothingInSilence(t *testing.T) {
	m := of(t, `services:
  a:
    image: a:1
    networks: [front]
    oom_score_adj: 5
    cpu_quota: 50000
    mem_swappiness: 10
    pull_policy: daily
    deploy: {resources: {limits: {pids: 100}}}
  b: {image: "b:1", networks: [back]}
  c: {image: "c:1", network_mode: none}
networks:
  front:
  back:
    internal: true
`, nil)
	for _, want := range []string{
		"compose.yaml:5: services.a.oom_score_adj: ", "compose.yaml:6: services.a.cpu_quota: ", "compose.yaml:7: services.a.mem_swappiness: ", "compose.yaml:8: services.a.pull_policy: ",
		"compose.yaml:9: services.a.deploy.resources.limits.pids: ", "compose.yaml:11: services.c.network_mode: ", "compose.yaml:14: networks.back: all services", "compose.yaml:15: networks.back.internal: ",
	} {
		if !strings.Contains(m.notes(), want) {
			t.Errorf("%s is not in\n%s", want, m.notes())
		}
	}
}

// TestPublished: that nothing is published here is told once, of what compose publishes
// to others.
func TestPublished(t *testing.T) {
	m := of(t, "services:\n  a: {image: \"a:1\", ports: [\"127.0.0.1:80:80\"]}\n  b: {image: \"b:1\", ports: [\"81:80\"]}\n  c: {image: \"c:1\", ports: [\"82:80\"], expose: [90]}\n", nil)
	if got := m.notes(); !strings.Contains(got, "compose.yaml:3: services.b.ports: ") || !strings.HasSuffix(got, "leads there: b, c") || strings.Count(got, "\n") > 0 {
		t.Errorf("%s", got)
	}
}
