package main

import (
	"strings"
	"testing"
)

func TestImagesOfTenantsPodsHaveADigest(t *testing.T) {
	of := "ghcr.io/bridgestack/operator:v1@sha256:" + strings.Repeat("0a", 32)
	for image, c := range map[string]struct{ warned, refused, refusedIfRequired bool }{
		"":                                 {false, false, false}, // then none is added
		of:                                 {false, false, false},
		"operator:dev":                     {true, false, true},
		"ghcr.io/bridgestack/operator":     {true, false, true},
		"registry.internal:5000/operator":  {true, false, true},
		of[:len(of)-1]:                     {false, true, true},
		of + "0":                           {false, true, true},
		strings.Replace(of, "0a", "0A", 1): {false, true, true},
		"operator@sha512:" + strings.Repeat("0a", 64): {false, true, true},
		of + "@latest": {false, true, true},
	} {
		warning, err := checkImage(image, false)
		if (warning != "") != c.warned || (err != nil) != c.refused {
			t.Errorf("%q: warning %q, error %v", image, warning, err)
		}
		if _, err := checkImage(image, true); (err != nil) != c.refusedIfRequired {
			t.Errorf("%q where a digest is required: %v", image, err)
		}
	}
}
