// Package redact keeps secrets out of whatever leaves the operator: logs,
// messages, status, events. It is pure.
//
// It works twice over: by value, for the secrets that the looping container is
// known to hold, and for what in them is a secret by itself; by form, for those
// that nobody told it of: passwords in URLs, password=..., bearer tokens, private
// keys.
//
// Values are not searched for in a list of encodings. A text is read as its
// reader would understand it: escapes of all kinds undone, line breaks and log
// prefixes dropped, case folded, runs of base64, hexadecimal digits and bytes
// decoded; a map leads back to where that stands. Work and memory are bounded.
// What cannot be searched within the bound is withheld, not shown.
//
// Evidence survives. What stands in a secret's place has neither blanks nor
// quotes, so that a message keeps its shape: user "hook" becomes
// user "[redacted]". A value that is a word of the protocols' own messages, such
// as the password "postgres", or a short number, is replaced only where its
// form says that it is a secret: else every message would be blacked out, and
// such a value is no secret to anyone who would read it. So it is with a password
// that the pod's own settings also give as the name of a user, a host or a database,
// unless it looks made up by a generator. Values shorter than four bytes are replaced
// by form only as well.
package redact

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
)

// shortest value that is replaced wherever it stands, in bytes.
const shortest = 4

// Withheld stands in the place of a text that could not be searched for secrets
// within the bounds of work and memory.
const Withheld = "[withheld: it could not be searched for the pod's secrets]"

// Redactor replaces secrets in text. The zero value replaces by form only.
// It is safe for concurrent use.
type Redactor struct {
	// needles are the secrets and their parts; bare are these without all that is
	// neither letter nor digit.
	needles, bare *index
	blocks        blocks
	// tooLarge says that there are more secrets than can be searched for.
	tooLarge bool
}

// span is a part of a text, the end not included.
type span struct{ start, end int }

// New makes a Redactor for known secrets.
func New(secrets ...evidence.Secret) *Redactor {
	r := &Redactor{}
	total := 0
	for _, s := range secrets {
		if total += len(s.Reveal()); total > mostSecrets {
			return &Redactor{tooLarge: true}
		}
	}
	needles := all(secrets)
	if len(needles) > 0 || total > mostParsed {
		r.needles, r.bare = newIndex(), newIndex()
	}
	held := 0
	for _, value := range needles {
		if held += len(value); held > mostNeedles {
			return &Redactor{tooLarge: true}
		}
		r.add(value)
	}
	for _, s := range secrets {
		if value := s.Reveal(); len(value) > mostParsed {
			r.blocks.add(value)
		}
	}
	slices.Sort(r.blocks.hashes)
	return r
}

// add indexes a value in the forms that views of a text can have it in.
func (r *Redactor) add(value string) {
	isDense := dense(value)
	v := joined(value, false)
	for range deepest + 1 { // a value may look escaped itself
		text := v.text
		r.needles.add(text, isDense)
		r.needles.add(bytes.TrimRight(text, "="), isDense)
		r.needles.add(bytes.ReplaceAll(text, []byte(" "), []byte("+")), isDense)
		r.needles.add(bytes.ReplaceAll(text, []byte("'"), []byte("''")), isDense)
		r.needles.add(bytes.ReplaceAll(text, []byte(`"`), []byte(`""`)), isDense)
		if isDense {
			r.needles.add(reversed(text), false)
		}
		next, changed := decoded(v)
		if !changed {
			break
		}
		v = next
	}
	r.needles.add([]byte(value), isDense)
	if bare := squeezed(v).text; dense(string(bare)) {
		r.bare.add(bare, false)
	}
}

// Size is about what a Redactor holds, in bytes.
func (r *Redactor) Size() int {
	const fixed, perNeedle, perWindow = 64 << 10, 128, 48
	if r == nil || r.needles == nil {
		return 0
	}
	size := 2*fixed + 8*len(r.blocks.hashes)
	for _, x := range []*index{r.needles, r.bare} {
		size += perWindow * len(x.byWindow)
		for text := range x.known {
			size += perNeedle + 2*len(text)
		}
	}
	return size
}

func reversed(b []byte) []byte {
	out := bytes.Clone(b)
	slices.Reverse(out)
	return out
}

// Text with every secret replaced by evidence.Redacted.
func (r *Redactor) Text(s string) string {
	if r.tooLarge && s != "" {
		return Withheld
	}
	spans := byForm(s)
	if r.needles != nil && s != "" {
		found, ok := r.byValue(s)
		if !ok {
			return Withheld
		}
		spans = append(spans, found...)
	}
	return replace(s, spans)
}

// Bytes is Text for bytes; b itself is not changed.
func (r *Redactor) Bytes(b []byte) []byte { return []byte(r.Text(string(b))) }

// Clean makes a log, or any text from outside, fit to be kept: harmless as the
// function Clean makes it, without secrets, at most maxBytes long. Secrets go
// before lines are capped, so that no part of one is left at a cut.
func (r *Redactor) Clean(text string, maxBytes int) string {
	// A secret may begin or end in the middle of a rune.
	return limit(strings.ToValidUTF8(r.Text(strip(text)), "\ufffd"), maxBytes)
}

// workPerByte bounds the search in a text, in steps: enough for any text that is
// not made to be slow to search.
const workPerByte, leastWork = 256, 1 << 20

// byValue finds the known secrets in all views of a text; false where the search
// had to be given up.
func (r *Redactor) byValue(s string) ([]span, bool) {
	work := leastWork + workPerByte*len(s)
	var spans []span
	in := func(v *view) func(int, int) {
		return func(start, end int) { spans = append(spans, v.span(start, end)) }
	}
	raw := plainView([]byte(s))
	r.needles.find(raw.text, &work, in(raw))
	first := joined(s, false)
	v := first
	for range deepest + 2 {
		r.needles.find(v.text, &work, in(v))
		next, changed := decoded(v)
		if !changed {
			break
		}
		v = next
	}
	r.inRuns(raw, &work, in(raw))
	if strings.Contains(s, "\n") || len(first.text) != len(raw.text) {
		r.inRuns(first, &work, in(first))
	}
	r.inBlocks(raw.text, in(raw))
	r.inBlocks(first.text, in(first))
	spans = append(spans, r.dumps(s, &work)...)
	bare := squeezed(v)
	r.bare.find(bare.text, &work, in(bare))
	if strings.Contains(s, "\n") {
		unprefixed := joined(s, true)
		r.needles.find(unprefixed.text, &work, in(unprefixed))
	}
	return spans, work > 0
}

// replace each span, those that overlap together.
func replace(s string, spans []span) string {
	if len(spans) == 0 {
		return s
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var b strings.Builder
	b.Grow(len(s))
	done := 0
	for i := 0; i < len(spans); {
		end := spans[i].end
		start := spans[i].start
		for i++; i < len(spans) && spans[i].start < end; i++ {
			end = max(end, spans[i].end)
		}
		b.WriteString(s[done:start])
		b.WriteString(evidence.Redacted)
		done = end
	}
	b.WriteString(s[done:])
	return b.String()
}
