package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"
	"go.yaml.in/yaml/v3"
)

// printer writes the result of a command in the format of --output.
type printer struct {
	*program
	columns []string // of table and csv
}

// printer returns a printer for values of a type. It checks the default columns and --columns,
// which replaces them, against the fields of the type.
func (p *program) printer(of any, columns ...string) (*printer, error) {
	known := fields(reflect.TypeOf(of))
	for _, c := range slices.Concat(columns, p.flags.columns) {
		if name, _, _ := strings.Cut(c, "."); !slices.Contains(known, name) {
			return nil, &usageError{fmt.Sprintf("there is no column %q; there are %s", c, strings.Join(known, ", "))}
		}
	}
	if len(p.flags.columns) > 0 {
		columns = p.flags.columns
	}
	return &printer{p, columns}, nil
}

// fields lists the JSON names of the fields of a struct.
func fields(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			names = append(names, fields(f.Type)...)
			continue
		}
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// value writes one value: the response of the service if it is JSON, otherwise the value itself.
func (o *printer) value(value any, raw []byte) error {
	data := raw
	if !json.Valid(raw) {
		var err error
		if data, err = json.Marshal(value); err != nil {
			return err
		}
	}
	switch o.flags.output {
	case "json", "jsonl":
		return o.json(data)
	case "yaml":
		return o.yaml(data)
	case "csv":
		if len(o.columns) == 0 {
			o = &printer{o.program, fields(reflect.TypeOf(value))}
		}
		return o.rows([]any{value}, -1)
	}
	return o.pairs(value)
}

// rows writes several items. JSON has the shape of the API's lists, with count as the total; -1
// means no total.
func (o *printer) rows(items []any, count int) error {
	switch o.flags.output {
	case "jsonl":
		for _, item := range items {
			if err := o.value(item, nil); err != nil {
				return err
			}
		}
		return nil
	case "csv":
		lines := o.lines(items, func(name string) string { return name })
		for _, line := range lines {
			for i, cell := range line {
				line[i] = noFormula(cell)
			}
		}
		return csv.NewWriter(o.stdout).WriteAll(lines)
	case "table":
		return o.table(o.lines(items, strings.ToUpper))
	}
	var whole any = items
	if count >= 0 {
		whole = struct {
			Count int   `json:"count"`
			Data  []any `json:"data"`
		}{count, items}
	}
	return o.value(whole, nil)
}

// noFormula puts a quote before a text that a spreadsheet would take for a formula (OWASP, CSV
// injection). Numbers stay.
func noFormula(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return cell
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil {
		return cell
	}
	return "'" + cell
}

// json writes JSON with an indent, or in one line for jsonl.
func (o *printer) json(data []byte) error {
	var text bytes.Buffer
	format := json.Compact
	if o.flags.output == "json" {
		format = func(to *bytes.Buffer, data []byte) error { return json.Indent(to, data, "", "  ") }
	}
	if err := format(&text, data); err != nil {
		return err
	}
	_, err := fmt.Fprintln(o.stdout, strings.TrimSpace(text.String()))
	return err
}

// yaml writes JSON as YAML and keeps the order of the fields.
func (o *printer) yaml(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	node, err := yamlNode(d)
	if err != nil {
		return err
	}
	e := yaml.NewEncoder(o.stdout)
	e.SetIndent(2)
	if err := e.Encode(node); err != nil {
		return err
	}
	return e.Close()
}

// yamlNode converts the next JSON value. A string that YAML would take for another type gets
// quotes.
func yamlNode(d *json.Decoder) (*yaml.Node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	n := &yaml.Node{}
	switch t := t.(type) {
	case json.Delim:
		if n.Kind = yaml.SequenceNode; t == '{' {
			n.Kind = yaml.MappingNode
		}
		for d.More() {
			inner, err := yamlNode(d)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, inner)
		}
		_, err = d.Token() // the closing bracket
	case json.Number:
		n.Kind, n.Tag, n.Value = yaml.ScalarNode, "!!float", t.String()
		if _, err := t.Int64(); err == nil {
			n.Tag = "!!int"
		}
	default:
		err = n.Encode(t)
	}
	return n, err
}

// lines gives the titles of the columns, and the cells of each item.
func (o *printer) lines(items []any, title func(column string) string) (all [][]string) {
	if !o.flags.noHeader {
		head := slices.Clone(o.columns)
		for i, column := range head {
			head[i] = title(column)
		}
		all = append(all, head)
	}
	for _, item := range items {
		all = append(all, o.cells(item))
	}
	return all
}

// pairs writes one value as a table of names and values.
func (o *printer) pairs(value any) error {
	var rows [][]string
	columns := o.columns
	if len(o.flags.columns) == 0 {
		columns = fields(reflect.TypeOf(value))
	}
	cells := (&printer{o.program, columns}).cells(value)
	for i, c := range columns {
		if cells[i] != "" {
			rows = append(rows, []string{c, cells[i]})
		}
	}
	return o.table(rows)
}

// table writes a table; on a terminal it fits the width.
func (o *printer) table(rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], cellWidth.StringWidth(cell))
		}
	}
	if w, terminal := o.width(o.stdout); terminal {
		fit(widths, w)
	}
	for _, row := range rows {
		var text strings.Builder
		for i, cell := range row {
			cell = cellWidth.Truncate(cell, widths[i], "…")
			text.WriteString(cellWidth.FillRight(cell, widths[i]+gap))
		}
		if _, err := fmt.Fprintln(o.stdout, strings.TrimRight(text.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// cellWidth measures text in columns of a terminal, independent of the locale.
var cellWidth = &runewidth.Condition{StrictEmojiNeutral: true}

// gap is the space between two columns; narrowest is the least width of a column.
const (
	gap       = 2
	narrowest = 1
)

// fit makes columns narrower, the widest first, until a line fits the terminal. The first column,
// an id that users copy, keeps its width.
func fit(widths []int, terminal int) {
	total := -gap
	for _, w := range widths {
		total += w + gap
	}
	for ; total > terminal; total-- {
		widest := 0
		for i := 1; i < len(widths); i++ {
			if widest == 0 || widths[i] > widths[widest] {
				widest = i
			}
		}
		if widest == 0 || widths[widest] <= narrowest {
			return
		}
		widths[widest]--
	}
}
