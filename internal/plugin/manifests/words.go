package manifests

import (
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/bridgestack/operator/internal/compose"
)

// word is one of a command: what it comes to, and the parts that it was written
// in where those are known.
type word struct {
	text  string
	parts []compose.Part
}

// words are those of a command as they are written: a list's, or those that a
// line is split into.
func (b *builder) words(resolved []string, path ...string) []word {
	out := make([]word, len(resolved))
	for i, text := range resolved {
		out[i].text = text
		if parts, ok := b.partsAt(append(slices.Clone(path), strconv.Itoa(i))...); ok && joinedText(parts) == text {
			out[i].parts = parts
		}
	}
	line, isLine := b.partsAt(path...)
	if !isLine || slices.ContainsFunc(out, func(w word) bool { return w.parts != nil }) {
		return out
	}
	split := splitLine(line)
	same := slices.EqualFunc(split, resolved, func(parts []compose.Part, text string) bool { return joinedText(parts) == text })
	if !same && !slices.ContainsFunc(line, b.isSecret) {
		return out
	}
	out = nil // a secret with blanks in it is one word
	for _, parts := range split {
		out = append(out, word{joinedText(parts), parts})
	}
	return out
}

func joinedText(parts []compose.Part) string {
	var out strings.Builder
	for _, p := range parts {
		out.WriteString(p.Text)
	}
	return out.String()
}

// firstMark is the first of the runes that stand for variables while a line is
// split: of Unicode's private use area, which no file has.
const firstMark = '\uE000'

// splitLine splits a line into words as compose does, but for the values of
// variables in it.
func splitLine(line []compose.Part) [][]compose.Part {
	var text strings.Builder
	for i, p := range line {
		if p.IsVariable() {
			text.WriteRune(firstMark + rune(i))
		} else {
			text.WriteString(p.Text)
		}
	}
	var words types.ShellCommand
	if err := words.DecodeMapstructure(text.String()); err != nil {
		return nil // then compose could not, either
	}
	var out [][]compose.Part
	for _, w := range words {
		out = append(out, unmarked(w, line))
	}
	return out
}

func unmarked(word string, line []compose.Part) []compose.Part {
	parts := []compose.Part{}
	literal := ""
	flush := func() {
		if literal != "" {
			parts, literal = append(parts, compose.Part{Text: literal}), ""
		}
	}
	for _, r := range word {
		if i := int(r - firstMark); i >= 0 && i < len(line) {
			flush()
			parts = append(parts, line[i])
			continue
		}
		literal += string(r)
	}
	flush()
	return parts
}

// arguments of a container. What is secret in them is read from a variable of the
// container, which Kubernetes puts in for $(NAME).
func (u *unit) arguments(attribute string, resolved []string) []string {
	var out []string
	for _, w := range u.builder.words(resolved, "services", u.Name, attribute) {
		if !slices.ContainsFunc(w.parts, u.isSecret) {
			out = append(out, literal(u.renamed(w.text, false)))
			continue
		}
		var text strings.Builder
		for _, p := range w.parts {
			if u.isSecret(p) {
				text.WriteString("$(" + u.secretEnv(p) + ")")
			} else {
				text.WriteString(strings.ReplaceAll(u.renamed(p.Text, false), "$", "$$"))
			}
		}
		out = append(out, text.String())
	}
	return out
}

// checkWords are those of a health check, without CMD or CMD-SHELL.
func (b *builder) checkWords(s compose.Service) []word {
	test := b.Project.Model.Services[s.Name].HealthCheck.Test
	words := b.words(test, "services", s.Name, "healthcheck", "test")
	if line, isLine := b.partsAt("services", s.Name, "healthcheck", "test"); isLine && s.Health.Shell {
		return []word{{joinedText(line), line}}
	}
	return words[min(1, len(words)):]
}

// isSecretCheck says that a secret is put into a health check.
func (b *builder) isSecretCheck(s compose.Service) bool {
	return s.Health != nil && slices.ContainsFunc(b.checkWords(s), b.isSecretWord)
}

func (b *builder) isSecretWord(w word) bool { return slices.ContainsFunc(w.parts, b.isSecret) }

// checkCommand is a health check to run in the container. What is secret in it is
// read by a shell from a variable of the container: Kubernetes puts nothing in.
func (u *unit) checkCommand() []string {
	words := u.checkWords(u.Service)
	if !u.isSecretCheck(u.Service) {
		var out []string
		if u.Health.Shell {
			out = []string{"/bin/sh", "-c"}
		}
		for _, w := range words {
			out = append(out, u.renamed(w.text, false))
		}
		return out
	}
	var line []string
	for _, w := range words {
		line = append(line, u.shellWord(w, u.Health.Shell))
	}
	return []string{"/bin/sh", "-c", strings.Join(line, " ")}
}

// shellWord is a word for a shell, or a part of a line that is for one already.
func (u *unit) shellWord(w word, isLine bool) string {
	var out strings.Builder
	quote := byte(0) // the quotes that a line is in
	for _, p := range w.parts {
		switch {
		case u.isSecret(p):
			out.WriteString(map[byte]string{0: `"`, '\'': `'"`}[quote] + "${" + u.secretEnv(p) + "}" + map[byte]string{0: `"`, '\'': `"'`}[quote])
		case isLine:
			text := u.renamed(p.Text, false)
			quote = quotesAfter(text, quote)
			out.WriteString(text)
		default:
			out.WriteString(shellQuoted(u.renamed(p.Text, false)))
		}
	}
	if w.parts == nil {
		out.WriteString(shellQuoted(u.renamed(w.text, false)))
	}
	return out.String()
}

// quotesAfter a text are those that it leaves open, 0 for none.
func quotesAfter(text string, open byte) byte {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && open != '\'':
			i++
		case open == 0 && (c == '\'' || c == '"'):
			open = c
		case c == open:
			open = 0
		}
	}
	return open
}

func shellQuoted(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
