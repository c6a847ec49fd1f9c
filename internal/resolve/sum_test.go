package resolve

import (
	"testing"

	"github.com/bridgestack/operator/internal/compose"
)

// A stack with a compose project is followed only as long as what it was made from
// can be compared with what it is made from now.
func TestProjectsCanBeCompared(t *testing.T) {
	files := []compose.File{{Name: "compose.yaml", Content: []byte("services: {web: {image: a}}\n")}}
	of := func(o compose.Options) (sum [32]byte) {
		sum, err := sumOf(files, o)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	one := of(compose.Options{ProjectName: "shop"})
	if of(compose.Options{ProjectName: "shop", Read: func(string) ([]byte, error) { return nil, nil }}) != one {
		t.Error("by whom files are read makes another project of it")
	}
	if of(compose.Options{ProjectName: "mail"}) == one {
		t.Error("another name makes no other project of it")
	}
}
