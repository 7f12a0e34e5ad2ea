package main

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
)

// bytesOf is a set of bytes. Those from 0x80 on are all in it, or none.
type bytesOf [256]bool

func (a bytesOf) meets(b bytesOf) bool {
	for c := range a {
		if a[c] && b[c] {
			return true
		}
	}
	return false
}

func (a bytesOf) with(b bytesOf) bytesOf {
	for c := range b {
		a[c] = a[c] || b[c]
	}
	return a
}

// pattern gives the name of a function that reports whether a text matches a pattern. A pattern that can be read without ever going back becomes code; another stays a regular expression.
func (g *generator) pattern(name, pattern string) string {
	if known, ok := g.patterns[pattern]; ok {
		return known
	}
	function := "matches" + name
	g.patterns[pattern] = function
	m := &matcher{}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || !m.whole(parsed) {
		fmt.Fprintf(g.told, "bindgen: %s: a pattern that stays a regular expression\n", name)
		fmt.Fprintf(&g.helpers, "// %[1]s matches %[2]s.\nfunc %[1]s(s string) bool { return pattern%[3]s.MatchString(s) }\n\nvar pattern%[3]s = regexp.MustCompile(%[4]s)\n\n", function, pattern, name, literal(pattern))
		return function
	}
	fmt.Fprintf(&g.helpers, "// %[1]s matches %[2]s.\nfunc %[1]s(s string) bool {\ni := 0\n%[3]s\n}\n\n", function, pattern, m.code.String())
	return function
}

// matcher writes the code of a pattern.
type matcher struct {
	code strings.Builder
	used int // variables
}

// whole takes a pattern that is bound to the begin of the text, and perhaps to its end.
func (m *matcher) whole(r *syntax.Regexp) bool {
	if r.Op != syntax.OpConcat || r.Sub[0].Op != syntax.OpBeginText {
		return false
	}
	parts, end := r.Sub[1:], "return true"
	if last := len(parts) - 1; parts[last].Op == syntax.OpEndText {
		parts, end = parts[:last], "return i == len(s)"
	}
	ok := m.sequence(parts, bytesOf{})
	m.code.WriteString(end)
	return ok
}

// sequence writes parts that follow one another; after are the bytes that may come then.
func (m *matcher) sequence(parts []*syntax.Regexp, after bytesOf) bool {
	for i, part := range parts {
		follow, nullable := first(parts[i+1:])
		if nullable {
			follow = follow.with(after)
		}
		if !m.part(part, follow) {
			return false
		}
	}
	return true
}

// first are the bytes with which a sequence can begin; nullable says that it can be empty.
func first(parts []*syntax.Regexp) (set bytesOf, nullable bool) {
	for _, r := range parts {
		var here bytesOf
		empty := false
		switch r.Op {
		case syntax.OpLiteral:
			here[byte(r.Rune[0])] = true //nolint:gosec // part has refused others
		case syntax.OpCharClass, syntax.OpAnyCharNotNL:
			here, _ = class(r)
		case syntax.OpConcat:
			here, empty = first(r.Sub)
		case syntax.OpAlternate:
			for _, sub := range r.Sub {
				one, none := first([]*syntax.Regexp{sub})
				here, empty = here.with(one), empty || none
			}
		default: // one below another
			if len(r.Sub) == 1 {
				here, empty = first(r.Sub)
			}
			empty = empty || r.Op == syntax.OpStar || r.Op == syntax.OpQuest || r.Op == syntax.OpRepeat && r.Min == 0
		}
		set = set.with(here)
		if !empty {
			return set, false
		}
	}
	return set, true
}

// class is the set of a class; ok says that it treats all characters beyond ASCII the same.
func class(r *syntax.Regexp) (set bytesOf, ok bool) {
	ranges := r.Rune
	switch r.Op {
	case syntax.OpCharClass:
	case syntax.OpAnyCharNotNL:
		ranges = []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune}
	default:
		return set, false
	}
	ok = true
	for i := 0; i < len(ranges); i += 2 {
		low, high := ranges[i], ranges[i+1]
		if high > unicode.MaxASCII {
			ok = low <= unicode.MaxASCII+1 && high == unicode.MaxRune
			high = 0xff
		}
		for c := low; c <= high && c <= 0xff; c++ {
			set[c] = true
		}
	}
	return set, ok
}

// part writes one part; it reports whether it can be read without going back.
func (m *matcher) part(r *syntax.Regexp, after bytesOf) bool {
	switch r.Op {
	case syntax.OpLiteral:
		for _, c := range r.Rune {
			if c > unicode.MaxASCII || r.Flags&syntax.FoldCase != 0 {
				return false
			}
		}
		fmt.Fprintf(&m.code, "if !strings.HasPrefix(s[i:], %[2]q) {\nreturn false\n}\ni += %[1]d\n", len(r.Rune), string(r.Rune))
		return true
	case syntax.OpCharClass, syntax.OpAnyCharNotNL:
		set, ok := class(r)
		fmt.Fprintf(&m.code, "if i == len(s) || !(%s) {\nreturn false\n}\ni++\n", condition(set))
		return ok && !set[0xff]
	case syntax.OpCapture:
		return m.part(r.Sub[0], after)
	case syntax.OpConcat:
		return m.sequence(r.Sub, after)
	case syntax.OpAlternate:
		return m.alternate(r.Sub, after)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		return m.repeat(r, after)
	}
	return false
}

func (m *matcher) alternate(parts []*syntax.Regexp, after bytesOf) bool {
	var before bytesOf
	m.code.WriteString("switch {\n")
	for _, part := range parts {
		set, nullable := first([]*syntax.Regexp{part})
		if nullable || set.meets(before) || set[0xff] {
			return false
		}
		before = before.with(set)
		fmt.Fprintf(&m.code, "case i < len(s) && (%s):\n", condition(set))
		if !m.part(part, after) {
			return false
		}
	}
	m.code.WriteString("default:\nreturn false\n}\n")
	return true
}

// times says how often a part may come; most < 0 is without end.
func times(r *syntax.Regexp) (least, most int) {
	switch r.Op {
	case syntax.OpStar:
		return 0, -1
	case syntax.OpPlus:
		return 1, -1
	case syntax.OpQuest:
		return 0, 1
	}
	return r.Min, r.Max
}

func (m *matcher) repeat(r *syntax.Regexp, after bytesOf) bool {
	set, nullable := first(r.Sub)
	_, single := class(r.Sub[0])
	least, most := times(r)
	beyond := set[0xff] && (!single || most >= 0 || least > 1)
	if nullable || beyond || set.meets(after) && least != most {
		return false
	}
	end := m.loop(least, most, set)
	if most != 1 { // it may come again
		after = after.with(set)
	}
	if single {
		m.code.WriteString("i++\n")
	} else if !m.part(r.Sub[0], after) {
		return false
	}
	m.code.WriteString(end)
	return true
}

// loop writes the head of a repetition, and gives its end.
func (m *matcher) loop(least, most int, set bytesOf) (end string) {
	m.used++
	here, n := fmt.Sprintf("i < len(s) && (%s)", condition(set)), fmt.Sprintf("n%d", m.used)
	switch {
	case least == 0 && most == 1:
		fmt.Fprintf(&m.code, "if %s {\n", here)
		return "}\n"
	case least == 0 && most < 0:
		fmt.Fprintf(&m.code, "for %s {\n", here)
		return "}\n"
	case most >= 0:
		here = fmt.Sprintf("%s < %d && %s", n, most, here)
	}
	fmt.Fprintf(&m.code, "%[1]s := 0\nfor ; %[2]s; %[1]s++ {\n", n, here)
	return fmt.Sprintf("}\nif %s < %d {\nreturn false\n}\n", n, least)
}

// condition writes that s[i] is in a set.
func condition(set bytesOf) string {
	not := set[0xff]
	var all []string
	for low := 0; low < 0x80; low++ {
		if set[low] == not {
			continue
		}
		high := low
		for high+1 < 0x80 && set[high+1] != not {
			high++
		}
		switch {
		case low == high && not:
			all = append(all, fmt.Sprintf("s[i] != %q", rune(low)))
		case low == high:
			all = append(all, fmt.Sprintf("s[i] == %q", rune(low)))
		case not:
			all = append(all, fmt.Sprintf("(s[i] < %q || s[i] > %q)", rune(low), rune(high)))
		default:
			all = append(all, fmt.Sprintf("%q <= s[i] && s[i] <= %q", rune(low), rune(high)))
		}
		low = high
	}
	if not {
		return strings.Join(all, " && ")
	}
	return strings.Join(all, " || ")
}
