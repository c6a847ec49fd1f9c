package workload_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bridgestack/operator/internal/workload"
)

// Rooms that may know a kind: this one, the API that names the kinds, and the bench,
// which makes Deployments without a controller to measure the operator by.
var mayKnowKinds = []string{"internal/workload/", "internal/server/", "api/", "hack/bench/"}

// No other room knows the kinds of workloads: it neither names their types nor
// decides by a kind's name. A further kind is a file here.
func TestNoOtherRoomKnowsAKind(t *testing.T) {
	var kinds []string
	for _, k := range workload.Kinds() {
		kinds = append(kinds, string(k))
	}
	seen := 0
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		switch {
		case err != nil:
			return err
		case e.IsDir():
			if name := e.Name(); name == "testdata" || path != root && strings.HasPrefix(name, ".") || rel == "test" {
				return fs.SkipDir
			}
			return nil
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || slices.ContainsFunc(mayKnowKinds, func(room string) bool { return strings.HasPrefix(rel, room) }):
			return nil
		}
		seen++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, found := range kindsIn(file, kinds) {
			t.Errorf("%s:%d: %s: ask internal/workload", rel, set.Position(found.pos).Line, found.what)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 100 {
		t.Errorf("only %d files were looked at", seen)
	}
}

type finding struct {
	pos  token.Pos
	what string
}

// kindsIn finds what a file must not have: the types of the kinds, and a case or a
// comparison with a kind's name, be it a literal or the API's constant.
func kindsIn(file *ast.File, kinds []string) []finding {
	var out []finding
	decides := func(e ast.Expr) {
		name := ""
		switch e := e.(type) {
		case *ast.BasicLit:
			if name, _ = strconv.Unquote(e.Value); name == "Pod" {
				name = "" // the object that it is, mostly, and not the kind of a workload
			}
		case *ast.SelectorExpr:
			if x, is := e.X.(*ast.Ident); is && x.Name == "v1alpha1" {
				name = e.Sel.Name
			}
		}
		if slices.Contains(kinds, name) {
			out = append(out, finding{e.Pos(), "decides by the kind " + name})
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CaseClause:
			for _, e := range n.List {
				decides(e)
			}
		case *ast.BinaryExpr:
			if n.Op == token.EQL || n.Op == token.NEQ {
				decides(n.X)
				decides(n.Y)
			}
		case *ast.SelectorExpr:
			x, is := n.X.(*ast.Ident)
			isKind := func(kind string) bool { return strings.HasPrefix(n.Sel.Name, kind) }
			if is && x.Name == "appsv1" && slices.ContainsFunc(kinds, isKind) {
				out = append(out, finding{n.Pos(), "names appsv1." + n.Sel.Name})
			}
		}
		return true
	})
	return out
}

// The test finds what it is for.
func TestKindsIn(t *testing.T) {
	const source = `package p
func f(w any, kind, other string) bool {
	switch w.(type) {
	case *appsv1.Deployment:
	}
	switch kind {
	case "StatefulSet", v1alpha1.DaemonSet:
	}
	var list appsv1.DaemonSetList
	_ = appsv1.ReplicaSet{}
	_ = other == "Secret"
	return kind != v1alpha1.Deployment
}`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	if found := kindsIn(file, []string{"Deployment", "StatefulSet", "DaemonSet"}); len(found) != 5 {
		t.Errorf("found %v", found)
	}
}
