package classify

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Format is how verdicts are written.
type Format string

// The formats.
const (
	FormatJSON     Format = "json"     // one verdict a line
	FormatYAML     Format = "yaml"     // a list
	FormatTable    Format = "table"    // for people
	FormatMarkdown Format = "markdown" // for an issue report
)

// Formats are all that there are.
var Formats = []Format{FormatJSON, FormatYAML, FormatTable, FormatMarkdown}

// Write writes verdicts in a format.
func Write(out io.Writer, format Format, verdicts []Verdict) error {
	switch format {
	case FormatYAML:
		text, err := yaml.Marshal(verdicts)
		if err != nil {
			return fmt.Errorf("writing YAML: %w", err)
		}
		_, err = out.Write(text)
		return err
	case FormatTable:
		return writeTable(out, verdicts)
	case FormatMarkdown:
		return writeMarkdown(out, verdicts)
	case FormatJSON:
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for _, v := range verdicts {
		if err := encoder.Encode(v); err != nil {
			return fmt.Errorf("writing a verdict: %w", err)
		}
	}
	return nil
}

func writeTable(out io.Writer, verdicts []Verdict) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "CONTAINER\tCAUSE\tCONFIDENCE\tMESSAGE")
	for _, v := range verdicts {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", v.ID, v.Cause, v.Confidence, v.Message)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	for _, v := range verdicts {
		if v.Next != "" {
			fmt.Fprintf(out, "\nnext for %s: %s\n", v.ID, v.Next)
		}
		if r := v.RunnerUp; r != nil {
			fmt.Fprintf(out, "second most likely for %s: %s: %s\n", v.ID, r.Cause, r.Because)
		}
		if len(v.Unseen) > 0 {
			fmt.Fprintf(out, "\nnot seen of %s:\n  %s\n", v.ID, strings.Join(v.Unseen, "\n  "))
		}
	}
	return nil
}

func writeMarkdown(out io.Writer, verdicts []Verdict) error {
	var b strings.Builder
	for _, v := range verdicts {
		fmt.Fprintf(&b, "### %s: %s (%s confidence)\n\n%s\n\n", inline(v.ID), v.Cause, strings.ToLower(string(v.Confidence)), inline(v.Message))
		if v.Next != "" {
			fmt.Fprintf(&b, "**Next:** %s.\n\n", inline(v.Next))
		}
		if r := v.RunnerUp; r != nil {
			fmt.Fprintf(&b, "**Runner-up:** %s: %s\n\n", r.Cause, inline(r.Because))
		}
		list(&b, "Evidence", v.Evidence, func(e v1alpha1.EvidenceItem) string { return string(e.Source) + ": " + code(e.Text) })
		list(&b, "Refuted", v.Refuted, func(r v1alpha1.RefutedCause) string { return string(r.Cause) + ": " + inline(r.Because) })
		list(&b, "Not seen", v.Unseen, inline)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func list[T any](b *strings.Builder, title string, items []T, line func(T) string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(b, "**%s**\n\n", title)
	for _, i := range items {
		fmt.Fprintf(b, "- %s\n", line(i))
	}
	b.WriteByte('\n')
}

// inline keeps a text from being read as Markdown or HTML.
func inline(text string) string {
	return strings.NewReplacer("\\", `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "#", `\#`, "|", `\|`, "@", "@\u200b").Replace(text)
}

// code is a text as code, fenced by more backticks than it holds in a row.
func code(text string) string {
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + " " + text + " " + fence
}
