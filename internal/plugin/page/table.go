package page

import (
	"strings"
	"unicode/utf8"
)

// cell of a table.
type cell struct {
	text string
	tone tone
}

// table is rows of cells under a heading. Colours take no room.
type table struct {
	heading []string
	rows    [][]cell
}

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

const gap = "   "

func (t *table) write(out *strings.Builder, s Style) {
	heading := make([]cell, len(t.heading))
	for i, text := range t.heading {
		heading[i] = cell{text, strong}
	}
	rows := t.rows
	if len(heading) > 0 {
		rows = append([][]cell{heading}, rows...)
	}
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, c := range row {
			line.WriteString(s.paint(c.tone, c.text))
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)) + gap)
			}
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}
