package remedy

import (
	"fmt"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Description is what people are told of a remedy.
type Description struct {
	Name v1alpha1.RemedyName
	// Summary is one sentence.
	Summary string
	// Causes that it may help against.
	Causes []v1alpha1.Cause
	// Writes is the kind of write that it makes, empty where it makes none.
	Writes v1alpha1.ActionType
	// OptIn remedies are off unless a policy enables them. Final ones have no way back.
	OptIn, Final bool
}

// Descriptions are all remedies, in the order in which they are looked at.
func Descriptions() []Description {
	out := make([]Description, len(registry))
	for i, r := range registry {
		out[i] = Description{Name: r.name, Summary: r.summary, Causes: slices.Clone(r.causes), Writes: r.writes, OptIn: r.optIn, Final: r.final}
	}
	return out
}

// Document is docs/remedies.md.
func Document() string {
	var b strings.Builder
	b.WriteString(`# Remedies

For a cause, the first remedy of this list that helps it, that the policy allows and that is not refused is
proposed. Where none is left, a person is called. This page is made from the code (internal/remedy/document.go).

| Remedy | What it does | Unless the policy says otherwise | Way back | Causes |
|---|---|---|---|---|
`)
	for _, d := range Descriptions() {
		use, back := "on", "the pod template as it was, to the byte"
		if d.OptIn {
			use = "off"
		}
		switch {
		case d.Writes == "":
			back = "nothing is written"
		case d.Final:
			back = "none"
		case d.Writes != v1alpha1.ActionPatchTemplate:
			back = "none is needed"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", d.Name, d.Summary, use, back, causesText(d.Causes))
	}
	return b.String()
}

func causesText(causes []v1alpha1.Cause) string {
	if len(causes) == len(v1alpha1.Causes) {
		return "those that the policy names"
	}
	names := make([]string, len(causes))
	for i, c := range causes {
		names[i] = string(c)
	}
	return strings.Join(names, ", ")
}
