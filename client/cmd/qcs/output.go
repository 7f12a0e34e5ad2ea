package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"go.yaml.in/yaml/v3"
)

// printer writes what a command found in the form that was asked for.
type printer struct {
	*program
	columns []string // of table and csv
}

// printer checks the columns that are asked for against the fields of a type.
func (p *program) printer(of any, columns ...string) (*printer, error) {
	o := &printer{p, columns}
	if len(p.flags.columns) == 0 {
		return o, nil
	}
	known := fields(reflect.TypeOf(of))
	for _, c := range p.flags.columns {
		if name, _, _ := strings.Cut(c, "."); !slices.Contains(known, name) {
			return nil, &usageError{fmt.Sprintf("there is no column %q; there are %s", c, strings.Join(known, ", "))}
		}
	}
	o.columns = p.flags.columns
	return o, nil
}

// fields lists the names that the fields of a struct have as JSON.
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

// value writes one thing: what the service answered, if that is JSON, or else the value.
func (o *printer) value(value any, raw []byte) error {
	data := raw
	if !json.Valid(raw) {
		var err error
		if data, err = json.Marshal(value); err != nil {
			return err
		}
	}
	switch o.flags.output {
	case "json":
		return o.json(data)
	case "yaml":
		return o.yaml(data)
	case "jsonl":
		return compact(o.stdout, data)
	case "csv":
		return o.csv([]any{value})
	}
	return o.pairs(value)
}

// rows writes several things; count is that of all that there are, for JSON as the API has it.
func (o *printer) rows(items []any, count int) error {
	switch o.flags.output {
	case "jsonl":
		for _, item := range items {
			data, err := json.Marshal(item)
			if err == nil {
				err = compact(o.stdout, data)
			}
			if err != nil {
				return err
			}
		}
		return nil
	case "csv":
		return o.csv(items)
	case "table":
		return o.table(items)
	}
	var whole any = items
	if count >= 0 {
		whole = struct {
			Count int   `json:"count"`
			Data  []any `json:"data"`
		}{count, items}
	}
	data, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	if o.flags.output == "yaml" {
		return o.yaml(data)
	}
	return o.json(data)
}

func compact(w io.Writer, data []byte) error {
	var line bytes.Buffer
	if err := json.Compact(&line, data); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, line.String())
	return err
}

func (o *printer) json(data []byte) error {
	var text bytes.Buffer
	if err := json.Indent(&text, data, "", "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintln(o.stdout, text.String())
	return err
}

// yaml writes JSON as YAML, with the fields in their order.
func (o *printer) yaml(data []byte) error {
	var node yaml.Node
	if err := yaml.Unmarshal(data, &node); err != nil {
		return err
	}
	plain(&node)
	e := yaml.NewEncoder(o.stdout)
	e.SetIndent(2)
	if err := e.Encode(&node); err != nil {
		return err
	}
	return e.Close()
}

// plain takes the marks of JSON off a document; texts that would be read as something else keep quotes.
func plain(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		plain(c)
	}
}

func (o *printer) csv(items []any) error {
	w := csv.NewWriter(o.stdout)
	if !o.flags.noHeader {
		if err := w.Write(o.columns); err != nil {
			return err
		}
	}
	for _, item := range items {
		if err := w.Write(o.cells(item)); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// table writes columns side by side; on a terminal they fit its width.
func (o *printer) table(items []any) error {
	rows := make([][]string, len(items))
	for i, item := range items {
		rows[i] = o.cells(item)
	}
	var head []string
	if !o.flags.noHeader {
		for _, c := range o.columns {
			head = append(head, strings.ToUpper(c))
		}
	}
	return o.write(head, rows)
}

// pairs writes one thing as names and values.
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
	return o.write(nil, rows)
}

func (o *printer) write(head []string, rows [][]string) error {
	if len(rows) == 0 && len(head) == 0 {
		return nil
	}
	t := table.New().Border(lipgloss.Border{}).BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderColumn(false).BorderHeader(false).Wrap(false).Rows(rows...).
		StyleFunc(func(_, column int) lipgloss.Style {
			if column == len(o.columns)-1 {
				return lipgloss.NewStyle()
			}
			return lipgloss.NewStyle().PaddingRight(2)
		})
	if head != nil {
		t = t.Headers(head...)
	}
	if w, terminal := o.width(o.stdout); terminal && lipgloss.Width(t.Render()) > w {
		t = t.Width(w)
	}
	for line := range strings.Lines(t.Render()) {
		if _, err := fmt.Fprintln(o.stdout, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}
