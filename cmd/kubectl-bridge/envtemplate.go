package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/compose"
)

// envTemplate writes a .env for a project: the variables that it takes from the
// environment and that have no value there, what is required first. No value of
// the environment is in it.
func (i *initialize) envTemplate(to io.Writer, names []string) error {
	files, err := read(names)
	if err != nil {
		return err
	}
	o, root, err := i.project.options(names[0])
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	uses, err := compose.Variables(files, o)
	if err != nil {
		return badInput{err}
	}
	slices.SortStableFunc(uses, func(a, b compose.VariableUse) int { return cmp.Compare(rank(a), rank(b)) })
	fmt.Fprintf(to, "# What %s takes from the environment. Keep it out of commits.\n", strings.Join(names, ", "))
	last := -1
	for _, v := range uses {
		if _, set := o.Environment[v.Name]; set {
			continue
		}
		if r := rank(v); r != last {
			fmt.Fprintf(to, "\n# %s\n", ranks[r])
			last = r
		}
		fmt.Fprintf(to, "# %s", v.Position)
		if v.Reason != "" {
			fmt.Fprintf(to, ": %s", oneLine(v.Reason))
		}
		line := v.Name + "="
		if v.HasDefault && !v.Required {
			line = "#" + line + oneLine(v.Default)
		}
		fmt.Fprintf(to, "\n%s\n", line)
	}
	return nil
}

var ranks = []string{"Required: the project is not loaded without these.", "Blank where they are not set.", "Optional, with their defaults."}

// rank is how much a variable is needed.
func rank(v compose.VariableUse) int {
	switch {
	case v.Required:
		return 0
	case v.HasDefault:
		return 2
	}
	return 1
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
