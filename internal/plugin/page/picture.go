package page

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/text"
)

// Measures of the picture, in pixels.
const (
	pictureWidth = 1180
	laneLeft     = 190
	laneRight    = pictureWidth - 30
	laneHeight   = 34
	lanesTop     = 84
	rowHeight    = 20
	ticks        = 6
	// maxWhat is how much of a moment's text fits into a row.
	maxWhat = 118
)

var kindColours = map[Kind]string{
	KindDeploy: "#0969da", KindEnded: "#fb8f44", KindEvent: "#8c959f", KindIncident: "#cf222e", KindDiagnosis: "#9a6700",
	KindRemedy: "#8250df", KindOutcome: "#bc8cff", KindEscalated: "#82071e", KindRecovered: "#1a7f37",
}

// legend is the order in which kinds are explained.
var legend = []Kind{KindDeploy, KindEnded, KindEvent, KindIncident, KindDiagnosis, KindRemedy, KindOutcome, KindEscalated, KindRecovered}

// spanColour tells an incident that is over from one that is open or waits for a person.
func spanColour(s Span) string {
	switch s.State {
	case v1alpha1.StateRecovered:
		return "#aceebb"
	case v1alpha1.StateClosed:
		return "#d1d9e0"
	case v1alpha1.StateEscalated:
		return "#ffc1ba"
	default:
		return "#fae17d"
	}
}

// axis puts times on the picture's width.
type axis struct{ from, to time.Time }

// axisOf everything that is shown, with a little room.
func (t Timeline) axisOf() axis {
	a := axis{t.Until.Time, t.Until.Time}
	for _, m := range t.Moments {
		a.from = earlier(a.from, m.At.Time)
	}
	for _, s := range t.Incidents {
		a.from = earlier(a.from, s.From.Time)
	}
	if a.to.Sub(a.from) < time.Minute {
		a.from = a.to.Add(-time.Minute)
	}
	a.from = a.from.Add(-a.to.Sub(a.from) / 50)
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (a axis) x(at time.Time) int {
	share := float64(at.Sub(a.from)) / float64(a.to.Sub(a.from))
	return laneLeft + int(share*float64(laneRight-laneLeft))
}

// SVG is the timeline as a picture: a lane for each service with its incidents and
// moments, and below them the moments in words.
func (t Timeline) SVG() string {
	return t.svg(true)
}

// svg is the picture, with or without the words.
func (t Timeline) svg(inWords bool) string {
	var out strings.Builder
	lanesEnd := lanesTop + laneHeight*len(t.Services)
	height := lanesEnd + 30
	if inWords {
		height += 30 + rowHeight*len(t.Moments) + 20
	}
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="13" role="img">`+"\n", pictureWidth, height, pictureWidth, height)
	fmt.Fprintf(&out, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n", escaped("What happened to "+t.Namespace+"/"+t.Stack))
	if inWords {
		fmt.Fprintf(&out, `<text x="20" y="28" font-size="18" font-weight="600" fill="#1f2328">%s</text>`+"\n", escaped(t.Namespace+"/"+t.Stack))
	}
	t.legend(&out)
	a := t.axisOf()
	a.draw(&out, lanesEnd)
	for i, service := range t.Services {
		t.lane(&out, a, service, lanesTop+i*laneHeight)
	}
	if inWords {
		t.list(&out, lanesEnd+60)
	}
	out.WriteString("</svg>\n")
	return out.String()
}

func escaped(text string) string { return html.EscapeString(clean(text)) }

func (t Timeline) legend(out *strings.Builder) {
	x := laneLeft
	for _, kind := range legend {
		if slices.ContainsFunc(t.Moments, func(m Moment) bool { return m.Kind == kind }) {
			fmt.Fprintf(out, `<circle cx="%d" cy="52" r="5" fill="%s"/><text x="%d" y="56" fill="#59636e">%s</text>`+"\n", x, kindColours[kind], x+10, kind)
			x += 100
		}
	}
}

func (a axis) draw(out *strings.Builder, bottom int) {
	layout := time.TimeOnly
	if a.to.Sub(a.from) > 20*time.Hour {
		layout = "Jan 2 15:04"
	}
	for i := range ticks + 1 {
		at := a.from.Add(a.to.Sub(a.from) * time.Duration(i) / ticks)
		x := a.x(at)
		fmt.Fprintf(out, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#d1d9e0"/><text x="%d" y="%d" text-anchor="middle" font-size="11" fill="#59636e">%s</text>`+"\n",
			x, lanesTop-6, x, bottom+4, x, bottom+20, at.UTC().Format(layout))
	}
	fmt.Fprintf(out, `<text x="20" y="%d" font-size="11" fill="#59636e">UTC</text>`+"\n", bottom+20)
}

func (t Timeline) lane(out *strings.Builder, a axis, service string, y int) {
	middle := y + laneHeight/2
	fmt.Fprintf(out, `<text x="20" y="%d" fill="#1f2328">%s</text><line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#d1d9e0"/>`+"\n",
		middle+4, escaped(text.Clip(clean(service), 22)), laneLeft, middle, laneRight, middle)
	for _, s := range t.Incidents {
		if s.Service != service {
			continue
		}
		end := t.Until.Time
		if s.To != nil {
			end = s.To.Time
		}
		from := a.x(s.From.Time)
		fmt.Fprintf(out, `<rect x="%d" y="%d" width="%d" height="%d" rx="4" fill="%s"><title>%s</title></rect>`+"\n",
			from, y+5, max(3, a.x(end)-from), laneHeight-10, spanColour(s), escaped(fmt.Sprintf("%s: %s, %s", s.Diagnosis, s.Cause, s.State)))
	}
	for _, m := range t.Moments {
		if m.Service == service {
			fmt.Fprintf(out, `<circle cx="%d" cy="%d" r="5" fill="%s" stroke="#ffffff"><title>%s</title></circle>`+"\n",
				a.x(m.At.Time), middle, kindColours[m.Kind], escaped(m.At.UTC().Format(time.TimeOnly)+" "+m.What))
		}
	}
}

// list is the column of time.
func (t Timeline) list(out *strings.Builder, y int) {
	for i, m := range t.Moments {
		at := y + i*rowHeight
		fmt.Fprintf(out, `<circle cx="25" cy="%d" r="4" fill="%s"/><text x="40" y="%d" fill="#59636e">%s</text><text x="%d" y="%d" fill="#1f2328">%s</text><text x="%d" y="%d" fill="#1f2328">%s</text>`+"\n",
			at-4, kindColours[m.Kind], at, m.At.UTC().Format(time.TimeOnly), 110, at, escaped(text.Clip(clean(m.Service), 22)), 270, at, escaped(text.Clip(clean(m.What), maxWhat)))
	}
}

// HTML is the picture on a page of its own, which needs nothing else, with the
// moments as a table.
func (t Timeline) HTML() string {
	var out strings.Builder
	title := escaped("What happened to " + t.Namespace + "/" + t.Stack)
	fmt.Fprintf(&out, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>%s</title>\n", title)
	out.WriteString("<style>body{font:14px system-ui,sans-serif;margin:2em;color:#1f2328}td,th{padding:.2em .8em .2em 0;text-align:left;vertical-align:top}td:first-child{white-space:nowrap;color:#59636e}svg{max-width:100%;height:auto}</style>\n")
	fmt.Fprintf(&out, "<h1>%s</h1>\n<p>Until %s UTC.</p>\n", title, t.Until.UTC().Format(time.DateTime))
	for _, m := range t.Missing {
		fmt.Fprintf(&out, "<p>%s</p>\n", escaped(m))
	}
	out.WriteString(t.svg(false))
	out.WriteString("<table>\n<tr><th>Time (UTC)</th><th>Service</th><th>Kind</th><th>What</th></tr>\n")
	for _, m := range t.Moments {
		fmt.Fprintf(&out, "<tr><td>%s</td><td>%s</td><td style=\"color:%s\">%s</td><td>%s</td></tr>\n",
			m.At.UTC().Format(time.DateTime), escaped(m.Service), kindColours[m.Kind], m.Kind, escaped(m.What))
	}
	out.WriteString("</table>\n</html>\n")
	return out.String()
}
