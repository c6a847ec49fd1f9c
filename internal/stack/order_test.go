package stack

import (
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

func TestWaves(t *testing.T) {
	for name, c := range map[string]struct {
		services map[string][]string
		want     string
	}{
		"none":              {nil, ""},
		"one after another": {map[string][]string{"a": {"b"}, "b": {"c"}, "c": nil}, "c; b; a"},
		"a diamond":         {map[string][]string{"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": nil}, "d; b c; a"},
		"a circle is last":  {map[string][]string{"a": {"b"}, "b": {"a"}, "c": nil, "d": {"a"}}, "c; a b d"},
		"elsewhere":         {map[string][]string{"a": {"not of the stack"}}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			var s Stack
			for _, n := range []string{"a", "b", "c", "d"} {
				if needs, is := c.services[n]; is {
					service := Service{Service: v1alpha1.Service{Name: n}}
					for _, d := range needs {
						service.DependsOn = append(service.DependsOn, v1alpha1.Dependency{Service: d})
					}
					s.Services = append(s.Services, service)
				}
			}
			var waves []string
			for _, wave := range s.Waves() {
				var names []string
				for _, service := range wave {
					names = append(names, service.Name)
				}
				waves = append(waves, strings.Join(names, " "))
			}
			if got := strings.Join(waves, "; "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
