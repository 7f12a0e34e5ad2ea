package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// times lists the fields with a point in time: epoch milliseconds, as a string or a number, or an
// ISO date.
var times = []string{
	"created",
	"updated",
	"lastScanned",
	"jobStartDate",
	"jobCompletionDate",
	"jobListingStartDate",
	"jobListingCompletionDate",
	"jobScanningStartDate",
	"jobScanningCompletionDate",
	"createdAt",
	"accepted",
	"started",
	"ended",
	"expires",
	"now",
	"at",
	"taken",
}

// cells gives the texts of an item, one per column.
func (o *printer) cells(item any) []string {
	fields := map[string]any{}
	if data, err := json.Marshal(item); err == nil {
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		_ = d.Decode(&fields) // the data comes from json.Marshal
	}
	cells := make([]string, len(o.columns))
	for i, column := range o.columns {
		var value any = fields
		name := ""
		for part := range strings.SplitSeq(column, ".") {
			object, _ := value.(map[string]any)
			value, name = object[part], part
		}
		if slices.Contains(times, name) && o.flags.output == "table" {
			cells[i] = o.time(text(value))
			continue
		}
		cells[i] = text(value)
	}
	return cells
}

// time formats a point in time in the local zone, or in UTC with --utc.
func (o *printer) time(value string) string {
	at, err := time.Parse(time.RFC3339, value)
	if millis, number := strconv.ParseInt(value, 10, 64); number == nil {
		if at, err = time.UnixMilli(millis), nil; millis == 0 {
			return ""
		}
	}
	if err != nil {
		return value
	}
	if o.flags.utc {
		return at.UTC().Format("2006-01-02 15:04:05Z")
	}
	return at.In(o.zone).Format("2006-01-02 15:04:05")
}

// text formats a value in one line.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return strings.Map(harmless, v)
	case []any:
		parts := make([]string, len(v))
		for i, inner := range v {
			parts[i] = text(inner)
		}
		return strings.Join(parts, " ")
	case map[string]any:
		return object(v)
	}
	return fmt.Sprint(value)
}

// harmless replaces characters that control a terminal or change the direction of a text.
func harmless(r rune) rune {
	if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
		return ' '
	}
	return r
}

// object formats an object in one line: images as registry/repository:tag, filters as
// repository:tag, and other objects as name=value.
func object(v map[string]any) string {
	switch {
	case v["repoTags"] != nil:
		return text(v["repoTags"])
	case v["repository"] != nil:
		return strings.TrimPrefix(
			fmt.Sprintf("%s/%s:%s", text(v["registry"]), text(v["repository"]), text(v["tag"])), "/",
		)
	case v["repo"] != nil && v["tag"] == nil:
		return text(v["repo"])
	case v["repo"] != nil:
		return text(v["repo"]) + ":" + text(v["tag"])
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if s := text(v[name]); s != "" {
			parts = append(parts, name+"="+s)
		}
	}
	return strings.Join(parts, " ")
}
