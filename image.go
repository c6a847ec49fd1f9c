package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// digest ends a reference that names one image for good.
var digest = regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)

// checkImage looks at the image that is put into tenants' pods: a tag may name another
// one tomorrow. It is an error where a digest is required, or is none, and otherwise
// something that the admin is warned of.
func checkImage(image string, required bool) (warning string, err error) {
	switch {
	case image == "" || digest.MatchString(image):
		return "", nil
	case strings.Contains(image, "@"):
		return "", fmt.Errorf("flag --image: %q has a digest that is none: want NAME@sha256: and 64 hexadecimal digits", image)
	case required:
		return "", errors.New("flag --require-image-digest: " + image + " has no digest. Set --image, or OPERATOR_IMAGE, to NAME@sha256:DIGEST")
	}
	return "the image that is added to pods has no digest, and may be another one tomorrow; name it as NAME@sha256:DIGEST", nil
}
