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
	used int  // variables
	open bool // anything may follow: what is optional may be there in part
}

func (m *matcher) p(text string, args ...any) { fmt.Fprintf(&m.code, text+"\n", args...) }

// whole takes a pattern that is bound to the begin of the text, and perhaps to its end.
func (m *matcher) whole(r *syntax.Regexp) bool {
	if r.Op != syntax.OpConcat || r.Sub[0].Op != syntax.OpBeginText {
		return false
	}
	parts, end := r.Sub[1:], "return true"
	last := len(parts) - 1
	if m.open = parts[last].Op != syntax.OpEndText; !m.open {
		parts, end = parts[:last], "return i == len(s)"
	}
	ok := m.sequence(parts, bytesOf{})
	m.code.WriteString(end)
	return ok
}

// sequence writes parts that follow one another; after are the bytes that may come then. It reports whether they can be read without going back.
func (m *matcher) sequence(parts []*syntax.Regexp, after bytesOf) bool {
	for i, part := range parts {
		follow, nullable := first(parts[i+1:]...)
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
func first(parts ...*syntax.Regexp) (set bytesOf, nullable bool) {
	for _, r := range parts {
		here, _ := class(r)
		least, _ := times(r)
		empty := least == 0
		switch {
		case r.Op == syntax.OpLiteral:
			here[byte(r.Rune[0])] = true //nolint:gosec // part has refused others
		case r.Op == syntax.OpAlternate:
			for _, sub := range r.Sub {
				one, none := first(sub)
				here, empty = here.with(one), empty || none
			}
		case len(r.Sub) > 0:
			one, none := first(r.Sub...)
			here, empty = one, empty || none
		}
		set = set.with(here)
		if !empty {
			return set, false
		}
	}
	return set, true
}

// class is the set of a class; ok says that it is one, which treats all characters beyond ASCII the same.
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

// times says how often a part may come; most < 0 is without end.
func times(r *syntax.Regexp) (least, most int) {
	switch r.Op {
	case syntax.OpStar:
		return 0, -1
	case syntax.OpPlus:
		return 1, -1
	case syntax.OpQuest:
		return 0, 1
	case syntax.OpRepeat:
		return r.Min, r.Max
	}
	return 1, 1
}

// part writes one part. Of what may come several times it knows single characters only.
func (m *matcher) part(r *syntax.Regexp, after bytesOf) bool {
	least, most := times(r)
	one := r
	if least != 1 || most != 1 {
		one = r.Sub[0]
	}
	set, ok := class(one)
	switch {
	case ok:
		return m.class(set, least, most) && (least == most || !set.meets(after))
	case r.Op == syntax.OpLiteral:
		text := string(r.Rune)
		m.p("if !strings.HasPrefix(s[i:], %q) {\nreturn false\n}\ni += %d", text, len(text))
		return len(text) == len(r.Rune) && r.Flags&syntax.FoldCase == 0
	case r.Op == syntax.OpCapture || r.Op == syntax.OpConcat:
		return m.sequence(r.Sub, after)
	case r.Op == syntax.OpAlternate:
		return m.alternate(r.Sub, after)
	}
	return r.Op == syntax.OpQuest && !m.open && m.optional(one, after)
}

// optional writes a part that may be missing.
func (m *matcher) optional(r *syntax.Regexp, after bytesOf) bool {
	set, nullable := first(r)
	m.p("if i < len(s) && %s {", condition(set))
	defer m.p("}")
	return m.part(r, after) && !nullable && !set[0xff] && !set.meets(after)
}

// class writes characters of a set. Those beyond ASCII have several bytes: how many there are is not counted.
func (m *matcher) class(set bytesOf, least, most int) bool {
	if least == 1 && most == 1 {
		m.p("if i == len(s) || !%s {\nreturn false\n}\ni++", condition(set))
		return !set[0xff]
	}
	bound := ""
	if m.used++; most >= 0 {
		bound = fmt.Sprintf("i-n%d < %d && ", m.used, most)
	}
	loop := fmt.Sprintf("for i < len(s) && %s%s {\ni++\n}", bound, condition(set))
	if least > 0 || most >= 0 {
		loop = fmt.Sprintf("n%[1]d := i\n%[2]s\nif i-n%[1]d < %[3]d {\nreturn false\n}", m.used, loop, least)
	}
	m.p("%s", loop)
	return !set[0xff] || most < 0 && least < 2
}

func (m *matcher) alternate(parts []*syntax.Regexp, after bytesOf) bool {
	var before bytesOf
	m.p("switch {")
	for _, part := range parts {
		set, nullable := first(part)
		m.p("case i < len(s) && %s:", condition(set))
		if nullable || set.meets(before) || set[0xff] || !m.part(part, after) {
			return false
		}
		before = before.with(set)
	}
	m.p("default:\nreturn false\n}")
	return true
}

// condition writes that s[i] is in a set, or that it is not in what is left out of one.
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
		one := fmt.Sprintf("%q <= s[i] && s[i] <= %q", rune(low), rune(high))
		if low == high {
			one = fmt.Sprintf("s[i] == %q", rune(low))
		}
		all = append(all, one)
		low = high
	}
	within := "(" + strings.Join(all, " || ") + ")"
	if not {
		return "!" + within
	}
	return within
}
