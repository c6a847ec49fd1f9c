package server_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// Rooms that may know a kind of server: this one, its drivers, and hack, whose
// programs are such servers and clients themselves.
var mayKnowKinds = []string{"internal/server/", "internal/probe/", "api/", "hack/", "test/"}

// A kind is one file here and one of the same name beside the drivers, and one
// member of Endpoint.
func TestAKindIsOneFileAndOneMember(t *testing.T) {
	members := reflect.TypeFor[v1alpha1.Endpoint]()
	if members.NumField() != len(server.Kinds()) {
		t.Errorf("%d members of Endpoint, %d kinds", members.NumField(), len(server.Kinds()))
	}
	for i := range members.NumField() {
		e := &v1alpha1.Endpoint{}
		reflect.ValueOf(e).Elem().Field(i).Set(reflect.New(members.Field(i).Type.Elem()))
		k, declared := server.OfEndpoint(e)
		if !declared || !strings.EqualFold(string(k.Protocol), members.Field(i).Name) {
			t.Errorf("the member %s is of kind %v", members.Field(i).Name, k)
		}
	}
	for _, k := range server.Kinds() {
		name := strings.ToLower(string(k.Protocol)) + ".go"
		for file, registers := range map[string]string{name: "register(Kind{", filepath.Join("..", "probe", name): "func init() { probes["} {
			text, err := os.ReadFile(file)
			if err != nil || !strings.Contains(string(text), registers) {
				t.Errorf("%s does not register %s: %v", file, k.Protocol, err)
			}
		}
	}
}

// What a kind makes of an offer is read back as the same address.
func TestEndpointsAreReadBack(t *testing.T) {
	for _, k := range server.Kinds() {
		for _, port := range []int32{k.Port, 7000} {
			if port == 0 {
				continue
			}
			e := k.MakeEndpoint(server.Offer{Service: "db", Port: port})
			c, declared := server.Declared(v1alpha1.Service{Name: "db", Endpoint: &e})
			if !declared || c.Protocol != k.Protocol || c.Server().Port != port || c.Server().Host != "db" && k.Protocol != evidence.HTTP {
				t.Errorf("%s at port %d is read back as %+v", k.Protocol, port, c)
			}
		}
	}
}

// A further kind, as Memcached is one, is found by all that looks for one, without a
// word about it elsewhere.
func TestAFurtherKindIsFound(t *testing.T) {
	k := server.Of(server.Memcached)
	byImage, _ := server.OfImage("memcached")
	byScheme, _ := server.OfScheme("memcached")
	byVariable, _ := server.OfVariable("SESSION_MEMCACHED_HOST")
	byPort, _ := server.OfPort(11211)
	for how, found := range map[string]*server.Kind{"image": byImage, "scheme": byScheme, "variable": byVariable, "port": byPort} {
		if found != k {
			t.Errorf("by its %s, %v is found", how, found)
		}
	}
	if !slices.Contains(server.Protocols(), k.Protocol) {
		t.Error("its protocol is not among those that can be waited for")
	}
	for variable, value := range map[string]string{"MEMCACHED_URL": "memcached://cache", "SESSION_MEMCACHED_HOST": "cache", "MEMCACHED_SERVERS": "cache:11211,other:11211"} {
		env := evidence.Env{Variables: map[string]evidence.Variable{variable: {Name: variable, Value: value}}, Complete: true}
		implied := server.Implied(env)
		if len(implied) != 1 || implied[0].Protocol != k.Protocol || implied[0].Server() != (evidence.HostPort{Host: "cache", Port: 11211}) {
			t.Errorf("with %s, its client's settings are %+v", variable, implied)
		}
	}
	if cause, ok := k.CauseOf(evidence.Stage{Outcome: v1alpha1.ProbeFailed, Code: evidence.CodeRefused}, evidence.Dependency{}); !ok || cause != v1alpha1.CauseUpstreamUnreachable {
		t.Errorf("its refusal is %s", cause)
	}
}

// What is known of a further kind stands in its own two files and in the API. Its
// port is asked for where images are known, for their other ports.
func TestAFurtherKindIsNowhereElse(t *testing.T) {
	allowed := []string{"internal/server/memcached.go", "internal/probe/memcached.go", "internal/plugin/images/images.go"}
	walk(t, func(path string, file *ast.File) {
		if strings.HasPrefix(path, "api/") || slices.Contains(allowed, path) {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if id, is := n.(*ast.Ident); is && strings.Contains(id.Name, "Memcached") {
				t.Errorf("%s speaks of %s", path, id.Name)
			}
			return true
		})
	})
}

// No other room spells out a kind's port, or decides by a protocol.
func TestNoOtherRoomKnowsAServer(t *testing.T) {
	var ports []string
	var protocols []string
	for _, k := range server.Kinds() {
		protocols = append(protocols, string(k.Protocol))
		if k.Port > 0 {
			ports = append(ports, strconv.Itoa(int(k.Port)))
		}
	}
	walk(t, func(path string, file *ast.File) {
		if slices.ContainsFunc(mayKnowKinds, func(room string) bool { return strings.HasPrefix(path, room) }) {
			return
		}
		for _, what := range knownServers(file, ports, protocols) {
			t.Errorf("%s: %s: ask internal/server", path, what)
		}
	})
}

// walk visits the project's own sources, less its tests.
func walk(t *testing.T, visit func(path string, file *ast.File)) {
	t.Helper()
	seen := 0
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case e.IsDir():
			if path != root && strings.HasPrefix(e.Name(), ".") || e.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		seen++
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(rel), file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 100 {
		t.Errorf("only %d files were looked at", seen)
	}
}

// knownServers finds ports, as numbers or as whole texts, and cases and comparisons
// with a protocol.
func knownServers(file *ast.File, ports, protocols []string) map[token.Pos]string {
	out := map[token.Pos]string{}
	decides := func(e ast.Expr) {
		if s, is := e.(*ast.SelectorExpr); is {
			if x, is := s.X.(*ast.Ident); is && (x.Name == "evidence" || x.Name == "server") && slices.Contains(protocols, s.Sel.Name) {
				out[e.Pos()] = "decides by the protocol " + s.Sel.Name
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if slices.Contains(ports, strings.Trim(n.Value, "`\"")) {
				out[n.Pos()] = "spells out port " + n.Value
			}
		case *ast.CaseClause:
			for _, e := range n.List {
				decides(e)
			}
		case *ast.BinaryExpr:
			if n.Op == token.EQL || n.Op == token.NEQ {
				decides(n.X)
				decides(n.Y)
			}
		}
		return true
	})
	return out
}

// The test finds what it is for.
func TestKnownServers(t *testing.T) {
	const source = `package p
func f(c any, p string) bool {
	switch p {
	case evidence.Kafka:
	}
	port := 5432
	text := "5432"
	about := "listens at 5432"
	_ = evidence.Connection{Protocol: evidence.Postgres}
	return p != evidence.Postgres || p == server.Redis
}`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	if found := knownServers(file, []string{"5432"}, []string{"Postgres", "Kafka", "Redis"}); len(found) != 5 {
		t.Errorf("found %v", found)
	}
}
