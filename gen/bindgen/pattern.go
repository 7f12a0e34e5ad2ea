package main

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// pattern gives the name of a function that reports whether a text matches a pattern. A pattern
// that can be read without ever going back becomes code; another stays a regular expression.
func (g *generator) pattern(name, pattern string) string {
	if known, ok := g.patterns[pattern]; ok {
		return known
	}
	function := "matches" + name
	g.patterns[pattern] = function
	m := &matcher{}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || !uniform(parsed) || !m.whole(parsed) {
		fmt.Fprintf(g.told, "bindgen: %s: a pattern that stays a regular expression\n", name)
		fmt.Fprintf(
			&g.helpers,
			"// %[1]s matches %[2]s.\nfunc %[1]s(s string) bool { return pattern%[3]s.MatchString(s) }\n\n"+
				"var pattern%[3]s = regexp.MustCompile(%[4]s)\n\n",
			function,
			pattern,
			name,
			literal(pattern),
		)
		return function
	}
	fmt.Fprintf(
		&g.helpers,
		"// %[1]s matches %[2]s.\nfunc %[1]s(s string) bool {\ni := 0\n%[3]s\n}\n\n",
		function,
		pattern,
		m.code.String(),
	)
	return function
}

// beyond stands for all characters beyond ASCII.
const beyond = unicode.MaxASCII + 1

// uniform reports whether all of a pattern treats those the same, and none of it leaves the case
// open.
func uniform(r *syntax.Regexp) bool {
	for i, c := range r.Rune {
		if begins := r.Op == syntax.OpCharClass &&
			i%2 == 0; c > beyond && c != unicode.MaxRune ||
			c == beyond && !begins {
			return false
		}
	}
	return r.Flags&syntax.FoldCase == 0 &&
		!slices.ContainsFunc(r.Sub, func(sub *syntax.Regexp) bool { return !uniform(sub) })
}

// first are the characters with which parts that follow one another can begin; nullable says that
// they can be empty.
func first(parts ...*syntax.Regexp) (set string, nullable bool) {
	program, err := syntax.Compile((&syntax.Regexp{Op: syntax.OpConcat, Sub: parts}).Simplify())
	if err != nil {
		panic(err) // it was parsed
	}
	seen := map[uint32]bool{}
	var walk func(at uint32)
	walk = func(at uint32) {
		if seen[at] {
			return
		}
		seen[at] = true
		switch i := &program.Inst[at]; i.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			walk(i.Out)
			walk(i.Arg)
		case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
			walk(i.Out)
		case syntax.InstMatch:
			nullable = true
		default:
			for c := rune(0); c <= beyond; c++ {
				if i.MatchRune(c) {
					set += string(c)
				}
			}
		}
	}
	walk(uint32(program.Start)) //nolint:gosec // as it is elsewhere in a program
	return set, nullable
}

// matcher writes the code of a pattern.
type matcher struct {
	code strings.Builder
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
	ok := m.sequence(parts, nil)
	m.code.WriteString(end)
	return ok
}

// sequence writes parts that follow one another, and come before the rest. It reports whether they
// can be read without going back.
func (m *matcher) sequence(parts, rest []*syntax.Regexp) bool {
	for i, part := range parts {
		if !m.part(part, slices.Concat(parts[i+1:], rest)) {
			return false
		}
	}
	return true
}

// part writes one part. Of what may come several times it knows single characters only.
func (m *matcher) part(r *syntax.Regexp, rest []*syntax.Regexp) bool {
	one := r
	// a most of -1 is without end
	times, repeated := map[syntax.Op][2]int{
		syntax.OpStar: {0, -1}, syntax.OpPlus: {1, -1}, syntax.OpQuest: {0, 1}, syntax.OpRepeat: {r.Min, r.Max},
	}[r.Op]
	if repeated {
		one = r.Sub[0]
	} else {
		times = [2]int{1, 1}
	}
	set, nullable := first(one)
	after, _ := first(rest...)
	switch {
	case one.Op == syntax.OpCharClass || one.Op == syntax.OpAnyCharNotNL:
		return m.class(set, times[0], times[1]) && (times[0] == times[1] || !strings.ContainsAny(set, after))
	case r.Op == syntax.OpLiteral:
		m.p("if !strings.HasPrefix(s[i:], %q) {\nreturn false\n}\ni += %d", string(r.Rune), len(string(r.Rune)))
		return true
	case r.Op == syntax.OpCapture || r.Op == syntax.OpConcat:
		return m.sequence(r.Sub, rest)
	case r.Op == syntax.OpAlternate:
		return m.alternate(r.Sub, rest)
	case r.Op != syntax.OpQuest || m.open || nullable || strings.ContainsAny(set, after+string(beyond)):
		return false
	}
	m.p("if i < len(s) && %s {", condition(set))
	defer m.p("}")
	return m.part(one, rest)
}

// class writes characters of a set. Those beyond ASCII have several bytes: how many there are is
// not counted.
func (m *matcher) class(set string, least, most int) bool {
	several := strings.ContainsRune(set, beyond)
	if least == 1 && most == 1 {
		m.p("if i == len(s) || !%s {\nreturn false\n}\ni++", condition(set))
		return !several
	}
	bound := ""
	if most >= 0 {
		bound = fmt.Sprintf("i-begin < %d && ", most)
	}
	loop := fmt.Sprintf("for i < len(s) && %s%s {\ni++\n}", bound, condition(set))
	if least > 0 || most >= 0 {
		loop = fmt.Sprintf("{\nbegin := i\n%s\nif i-begin < %d {\nreturn false\n}\n}", loop, least)
	}
	m.p("%s", loop)
	return !several || most < 0 && least < 2
}

func (m *matcher) alternate(parts, rest []*syntax.Regexp) bool {
	before := string(beyond)
	m.p("switch {")
	for _, part := range parts {
		set, nullable := first(part)
		m.p("case i < len(s) && %s:", condition(set))
		if nullable || strings.ContainsAny(set, before) || !m.part(part, rest) {
			return false
		}
		before += set
	}
	m.p("default:\nreturn false\n}")
	return true
}

// condition writes that s[i] is in a set, or that it is not in what is left out of one.
func condition(set string) string {
	var all []string
	var last rune
	not := strings.ContainsRune(set, beyond)
	for low := rune(0); low < beyond; low++ {
		high := low
		for high < beyond && strings.ContainsRune(set, high) != not {
			high++
		}
		if high == low {
			continue
		}
		last = high - 1
		one := fmt.Sprintf("%q <= s[i] && s[i] <= %q", low, last)
		if low == last {
			one = fmt.Sprintf("s[i] == %q", low)
		}
		all = append(all, one)
		low = high
	}
	within := "(" + strings.Join(all, " || ") + ")"
	if not {
		return fmt.Sprintf("(s[i] > %q || !%s)", last, within) // most are small letters
	}
	return within
}
