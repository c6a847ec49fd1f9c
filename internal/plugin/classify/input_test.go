package classify

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// described is what kubectl describe pod prints (kubectl 1.33), shortened.
const described = `Name:             worker-7d9f8-x2x4q
Namespace:        shop
Priority:         0
Node:             node-1/10.0.0.4
Start Time:       Tue, 24 Nov 2026 10:00:00 +0000
Status:           Running
IP:               10.244.0.7
Containers:
  worker:
    Container ID:  containerd://1f2e
    Image:         registry.example.com/worker:1
    Port:          8080/TCP
    Command:
      /app/worker
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
      Started:      Tue, 24 Nov 2026 10:05:00 +0000
      Finished:     Tue, 24 Nov 2026 10:05:40 +0000
    Ready:          False
    Restart Count:  5
    Limits:
      memory:  128Mi
    Liveness:     http-get http://:8080/health delay=0s timeout=1s period=10s #success=1 #failure=3
    Environment:
      LOG_LEVEL:    info
      DB_PASSWORD:  <set to the key 'password' in secret 'db'>  Optional: false
    Mounts:
      /var/run/secrets/kubernetes.io/serviceaccount from kube-api-access-x (ro)
Conditions:
  Type              Status
  Ready             False
Events:
  Type     Reason     Age                   From               Message
  ----     ------     ----                  ----               -------
  Normal   Pulled     3m (x5 over 6m)       kubelet            Container image "registry.example.com/worker:1" already present on machine
  Warning  BackOff    10s (x12 over 5m)     kubelet            Back-off restarting failed container worker in pod worker-7d9f8-x2x4q_shop(1-2)
`

const podJSON = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"api-0","namespace":"shop"},"spec":{"containers":[{"name":"api","env":[{"name":"PORT","value":"8080"}]},{"name":"proxy"}]},
"status":{"containerStatuses":[{"name":"api","restartCount":4,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1,"reason":"Error"}}},
{"name":"proxy","ready":true,"state":{"running":{"startedAt":"2026-11-24T10:00:00Z"}}}]}}`

const podYAML = `apiVersion: v1
kind: Pod
metadata:
  name: api-0
spec:
  containers:
  - name: api
status:
  containerStatuses:
  - name: api
    restartCount: 4
    state: {waiting: {reason: ImagePullBackOff, message: "manifest unknown"}}
`

const dockerInspect = `[{"Name":"/shop-api-1","RestartCount":3,"State":{"Status":"exited","Running":false,"OOMKilled":true,"ExitCode":137,"StartedAt":"2026-11-24T10:00:00Z","FinishedAt":"2026-11-24T10:00:09Z"},
"Config":{"Image":"api:1","Env":["PORT=8080"],"Labels":{"com.docker.compose.service":"api"}},"HostConfig":{"RestartPolicy":{"Name":"always"}}}]`

// TestWhatPeopleHave: each form of evidence is recognised, and what is missing is told.
func TestWhatPeopleHave(t *testing.T) {
	const refused = "ERROR connection to server at \"orders-db\" (10.96.0.7), port 5432 failed: Connection refused\n"
	code := int32(127)
	tests := map[string]struct {
		inputs   []string
		exitCode *int32
		want     string // id cause of each
		unseen   string
	}{
		"describe":                {inputs: []string{described}, want: "shop/worker-7d9f8-x2x4q/worker OOMKilled", unseen: "its log"},
		"describe, then a log":    {inputs: []string{strings.Replace(strings.Replace(described, "OOMKilled", "Error", 1), "137", "1", 1) + refused}, want: "shop/worker-7d9f8-x2x4q/worker PostgresUnreachable"},
		"pod, then its log":       {inputs: []string{podJSON, refused}, want: "shop/api-0/api PostgresUnreachable", unseen: "events"},
		"list":                    {inputs: []string{`{"kind":"List","items":[` + podJSON + `]}`, refused}, want: "shop/api-0/api PostgresUnreachable"},
		"YAML":                    {inputs: []string{podYAML}, want: "api-0/api ImagePullFailed"},
		"a log alone":             {inputs: []string{refused}, want: "app PostgresUnreachable", unseen: "how the container ended"},
		"a log and an exit code":  {inputs: []string{"/app/run.sh: line 3: ffmpeg: command not found\n"}, exitCode: &code, want: "app CommandNotFound"},
		"a log in JSON":           {inputs: []string{`{"level":"fatal","msg":"pq: password authentication failed for user \"app\""}` + "\n"}, want: "app PostgresAuthFailed"},
		"docker inspect":          {inputs: []string{dockerInspect}, want: "api/api OOMKilled"},
		"docker compose logs":     {inputs: []string{"api-1  | starting\napi-1  | " + refused + "web-1  | FATAL DATABASE_URL is not set\n"}, want: "api PostgresUnreachable, web EnvVarMissing"},
		"docker compose ps, logs": {inputs: []string{"NAME         IMAGE   COMMAND   SERVICE   CREATED   STATUS                      PORTS\nshop-api-1   api:1   \"api\"     api       1m ago    Restarting (1) 2 seconds ago\n", "api-1  | " + refused}, want: "api/api PostgresUnreachable"},
		"compose ps as JSON":      {inputs: []string{`{"Name":"shop-api-1","Service":"api","State":"exited","ExitCode":137,"Image":"api:1"}`}, want: "api/api Unknown"},
		"documents":               {inputs: []string{`{"id":"a","container":"app","log":"FATAL DATABASE_URL is not set"}`}, want: "a EnvVarMissing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var g Gathered
			if test.exitCode != nil {
				g.ExitCode(*test.exitCode)
			}
			for _, input := range test.inputs {
				if err := g.Add([]byte(input)); err != nil {
					t.Fatal(err)
				}
			}
			got, missing := verdictsOf(&g)
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if !strings.Contains(missing, test.unseen) {
				t.Errorf("unseen %q, want %q in it", missing, test.unseen)
			}
		})
	}
}

func verdictsOf(g *Gathered) (causes, missing string) {
	var all, unseen []string
	for _, d := range g.Documents() {
		v := Classify(d)
		all = append(all, v.ID+" "+v.Cause)
		unseen = append(unseen, v.Unseen...)
	}
	return strings.Join(all, ", "), strings.Join(unseen, "; ")
}

// TestDescription reads what kubectl describe tells beside the states.
func TestDescription(t *testing.T) {
	var g Gathered
	if err := g.Add([]byte(described)); err != nil {
		t.Fatal(err)
	}
	d := g.Documents()[0]
	c := d.Case()
	if c.Container.Restarts != 5 || c.Container.Resources.MemoryLimit != 128<<20 || c.Container.Liveness == nil || c.Container.Liveness.FailureThreshold != 3 {
		t.Errorf("container %+v", c.Container)
	}
	if len(c.Events) != 2 || c.Events[1].Reason != "BackOff" || c.Events[1].Count != 12 {
		t.Errorf("events %+v", c.Events)
	}
	if d.Env["LOG_LEVEL"] != "info" || len(d.Env) != 1 || !d.EnvIncomplete {
		t.Errorf("env %v", d.Env)
	}
	if ran := c.Container.Ended().Ran().Seconds(); ran != 40 {
		t.Errorf("ran %v s", ran)
	}
}

// TestBundles reads directories as troubleshoot.sh and kubectl cluster-info dump lay them out.
func TestBundles(t *testing.T) {
	const fatal = "FATAL DATABASE_URL is not set\n"
	list := `{"kind":"PodList","items":[` + strings.Replace(podJSON, `"apiVersion":"v1","kind":"Pod",`, "", 1) + `]}`
	for name, dir := range map[string]fstest.MapFS{
		"troubleshoot.sh": {
			"cluster-resources/pods/shop.json":                            {Data: []byte(list)},
			"cluster-resources/pods/logs/shop/api-0/api.log":              {Data: []byte("starting\n")},
			"cluster-resources/pods/logs/shop/api-0/api-previous.log":     {Data: []byte(fatal)},
			"cluster-resources/custom-resource-definitions.json":          {Data: []byte("not read")},
			"cluster-resources/pods/logs/shop/other-0/other-previous.log": {Data: nil},
		},
		"cluster-info dump": {
			"shop/pods.json":      {Data: []byte(list)},
			"shop/events.json":    {Data: []byte(`{"kind":"EventList","items":[]}`)},
			"shop/api-0/logs.txt": {Data: []byte("==== START logs for container api of pod shop/api-0 ====\n" + fatal + "==== END logs for container api of pod shop/api-0 ====\n")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var g Gathered
			if err := g.AddBundle(dir); err != nil {
				t.Fatal(err)
			}
			if got, _ := verdictsOf(&g); got != "shop/api-0/api EnvVarMissing" {
				t.Errorf("got %s", got)
			}
		})
	}
}

// TestFormats writes a verdict in each format; what the log says is no markup.
func TestFormats(t *testing.T) {
	v := Classify(Document{ID: "a", Container: "app", Log: "FATAL DATABASE_URL is not set <img src=x> `rm -rf`"})
	for format, want := range map[Format]string{
		FormatJSON: `"cause":"EnvVarMissing"`, FormatYAML: "cause: EnvVarMissing", FormatTable: "EnvVarMissing", FormatMarkdown: "### a: EnvVarMissing (medium confidence)",
	} {
		var out bytes.Buffer
		if err := Write(&out, format, []Verdict{v}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: %s", format, out.String())
		}
		if format == FormatMarkdown && strings.Contains(strings.ReplaceAll(out.String(), "`` ", ""), "\n<img") {
			t.Errorf("markup: %s", out.String())
		}
	}
}

func TestIsDocuments(t *testing.T) {
	for text, want := range map[string]bool{
		`{"id":"a","container":"app"}` + "\n": true, `{"kind":"Pod","spec":{}}`: false, `{"level":"info","msg":"x"}` + "\n": false, "starting\n": false, "": false,
	} {
		if got := IsDocuments([]byte(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

// FuzzAdd: whatever is given, it is taken in or refused.
func FuzzAdd(f *testing.F) {
	for _, seed := range []string{described, podJSON, podYAML, dockerInspect, "api-1  | x\n", "{", "[1,2]", "Name: x\nContainers:\n  a:\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(_ *testing.T, content []byte) {
		var g Gathered
		if err := g.Add(content); err != nil {
			return
		}
		for _, d := range g.Documents() {
			Classify(d)
		}
	})
}

// TestHandlers: a probe as kubectl describe prints it says which port it asks.
func TestHandlers(t *testing.T) {
	const numbers = " delay=5s timeout=1s period=10s #success=1 #failure=3"
	for text, want := range map[string]string{
		"http-get http://:8081/healthz": "httpGet 8081", "http-get https://10.0.0.1:http/": "httpGet http", "tcp-socket :5432": "tcpSocket 5432",
		"grpc <pod>:9090": "grpc 9090", "exec [pg_isready -p 5432]": "exec",
	} {
		pod := "Name: api-0\nContainers:\n  api:\n    Image: api:1\n    Liveness:  " + text + numbers + "\n    State:  Waiting\n      Reason:  CrashLoopBackOff\n    Restart Count:  3\n"
		var g Gathered
		if err := g.Add([]byte(pod)); err != nil {
			t.Fatal(err)
		}
		p := g.Documents()[0].Pod.Spec.Containers[0].LivenessProbe
		if p == nil || p.FailureThreshold != 3 {
			t.Fatalf("%s: got %+v", text, p)
		}
		got := ""
		switch {
		case p.HTTPGet != nil:
			got = "httpGet " + p.HTTPGet.Port.String()
		case p.TCPSocket != nil:
			got = "tcpSocket " + p.TCPSocket.Port.String()
		case p.GRPC != nil:
			got = fmt.Sprint("grpc ", p.GRPC.Port)
		case p.Exec != nil:
			got = "exec"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// TestUnseenOfDocker: of a container of docker, nobody is asked for what only a cluster has.
func TestUnseenOfDocker(t *testing.T) {
	var g Gathered
	inspect := `[{"Name":"/api","RestartCount":5,"Config":{"Image":"api:1","Env":["LEVEL=info"],"Labels":{"com.docker.compose.service":"api"}},"HostConfig":{"RestartPolicy":{"Name":"always"}},"State":{"Status":"restarting","Restarting":true,"ExitCode":1}}]`
	if err := g.Add([]byte(inspect)); err != nil {
		t.Fatal(err)
	}
	v := Classify(g.Documents()[0])
	if want := "[its log: give docker compose logs]"; fmt.Sprint(v.Unseen) != want {
		t.Errorf("got %v, want %s", v.Unseen, want)
	}
}
