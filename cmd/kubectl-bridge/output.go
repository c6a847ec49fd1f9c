package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
	"sigs.k8s.io/yaml"

	"github.com/bridgestack/operator/internal/plugin/page"
)

// output is how a verb shows what it found.
type output struct {
	format string
	// others are the formats beside json and yaml.
	others []string
}

func (o *output) add(flags *pflag.FlagSet, others ...string) {
	o.others = others
	flags.StringVarP(&o.format, "output", "o", "", o.names()+" (default: for people)")
}

func (o *output) names() string {
	all := append([]string{"json", "yaml"}, o.others...)
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

// check the flag before anything is read.
func (o *output) check() error {
	if o.format == "" || o.format == "json" || o.format == "yaml" || slices.Contains(o.others, o.format) {
		return nil
	}
	return badInput{fmt.Errorf("-o %s: it is %s", o.format, o.names())}
}

// data writes a value where json or yaml is wanted, and says whether it was.
func (o *output) data(out io.Writer, value any) (bool, error) {
	switch o.format {
	case "json":
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return true, encoder.Encode(value)
	case "yaml":
		text, err := yaml.Marshal(value)
		if err == nil {
			_, err = out.Write(text)
		}
		return true, err
	}
	return false, nil
}

// styleOf what a command writes to: colours and the width of a terminal only
// where there is one, and no colours where NO_COLOR is set.
func styleOf(out io.Writer, wide bool) page.Style {
	style := page.Style{Wide: wide}
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return style
	}
	style.Colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if width, _, err := term.GetSize(int(file.Fd())); err == nil {
		style.Width = width
	}
	return style
}

// isTerminal tells whether a command writes to a person's eyes.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// badArgs has wrong arguments and flags end with exitBadInput.
func badArgs(command *cobra.Command, check cobra.PositionalArgs) {
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return badInput{err} })
	command.Args = func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return badInput{fmt.Errorf("%w; usage: %s", err, c.UseLine())}
		}
		return nil
	}
}
