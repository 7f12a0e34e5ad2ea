package contract

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// place is where two schemas stand, and in which direction their values travel.
type place struct {
	request bool
	root    string // an operation with the part of it, or a component
	pointer string // from there, such as /filters/*/days; a form of several in parentheses
}

func (p place) String() string {
	if p.pointer == "" {
		return p.root
	}
	return p.root + " at " + p.pointer
}

func (p place) at(segment string) place {
	p.pointer += "/" + segment
	return p
}

// order says which side must fit into the other: what clients send into what the server takes now,
// what the server sends now into what clients take. It is its own inverse.
func (p place) order(base, head shape) (inner, outer shape) {
	if p.request {
		return base, head
	}
	return head, base
}

// component is the place of a component, where base and head name the same one.
func (p place) component(base, head openapi3.SchemaRefs) place {
	if len(base) != 1 || len(head) != 1 || base[0].Ref == "" || base[0].Ref != head[0].Ref {
		return p
	}
	direction := "answers"
	if p.request {
		direction = "requests"
	}
	return place{request: p.request, root: fmt.Sprintf("schema %s in %s", path.Base(base[0].Ref), direction)}
}

// visit identifies a comparison that has been begun, so that schemas that contain themselves come
// to an end.
type visit struct {
	request    bool
	root       string
	base, head string
}

// task is a comparison to be made. Lists of schemas hold together, as those of allOf do; an empty
// one takes everything.
type task struct {
	place      place
	base, head openapi3.SchemaRefs
}

// walker compares schemas and gathers what breaks. It works through a queue, so that a change in a
// schema that contains itself is listed where it is nearest to the root.
type walker struct {
	changes map[Change]bool
	seen    map[visit]bool
	queue   []task
}

func newWalker(seen map[visit]bool) *walker {
	return &walker{changes: map[Change]bool{}, seen: seen}
}

func (w *walker) add(p place, format string, args ...any) {
	w.changes[Change{p.String(), fmt.Sprintf(format, args...)}] = true
}

// silent reports whether a comparison would find nothing.
func (w *walker) silent(compare func(*walker)) bool {
	probe := newWalker(maps.Clone(w.seen))
	compare(probe)
	probe.drain()
	return len(probe.changes) == 0
}

// walk puts a comparison into the queue, unless it was there before.
func (w *walker) walk(p place, base, head openapi3.SchemaRefs) {
	p = p.component(base, head)
	v := visit{p.request, p.root, identity(base), identity(head)}
	if !w.seen[v] {
		w.seen[v] = true
		w.queue = append(w.queue, task{p, base, head})
	}
}

// drain makes all comparisons of the queue and those that follow from them.
func (w *walker) drain() {
	for len(w.queue) > 0 {
		t := w.queue[0]
		w.queue = w.queue[1:]
		base, head := forms(t.base, nil), forms(t.head, nil)
		if len(base) == 1 && len(head) == 1 {
			w.compare(t.place, base[0], head[0])
			continue
		}
		w.match(t.place, base, head)
	}
}

func identity(refs openapi3.SchemaRefs) string {
	var b strings.Builder
	for _, ref := range refs {
		fmt.Fprintf(&b, "%p ", ref.Value)
	}
	return b.String()
}

// match asks that each form that may be sent finds one that takes it. One that does not is compared
// with its namesake, to say more than that it is gone.
func (w *walker) match(p place, base, head []shape) {
	sent, taken, lost := base, head, "is no longer taken"
	if !p.request {
		sent, taken, lost = head, base, "may be sent now"
	}
	for _, form := range sent {
		fits := func(other shape) bool {
			older, newer := p.order(form, other)
			return w.silent(func(probe *walker) { probe.compare(p, older, newer) })
		}
		if slices.ContainsFunc(taken, fits) {
			continue
		}
		at := p
		if form.name != "" {
			at = p.at("(" + form.name + ")")
		}
		if i := slices.IndexFunc(taken, func(other shape) bool { return other.name == form.name }); i >= 0 {
			older, newer := p.order(form, taken[i])
			w.compare(at, older, newer)
			continue
		}
		w.add(at, "%s", lost)
	}
}

func (w *walker) compare(p place, base, head shape) {
	inner, outer := p.order(base, head)
	if !fitsTypes(inner.types(), outer.types()) {
		w.add(
			p, "type %s has become %s", cmp.Or(strings.Join(base.types(), " or "), "any"),
			cmp.Or(strings.Join(head.types(), " or "), "any"),
		)
		return
	}
	if f := outer.format(); f != "" && f != inner.format() {
		w.add(p, "format %s has become %s", cmp.Or(base.format(), "none"), cmp.Or(head.format(), "none"))
	}
	if a, b := base.nullable(), head.nullable(); a && !b && p.request {
		w.add(p, "can no longer be null")
	} else if b && !a && !p.request {
		w.add(p, "can be null now")
	}
	if p.request {
		w.values(p, base, head)
	}
	w.required(p, base, head)
	w.properties(p, base, head)
	w.others(p, base, head)
	if older, newer := base.items(), head.items(); len(older)+len(newer) > 0 {
		w.walk(p.at("*"), older, newer)
	}
}

// fitsTypes reports whether a value of one of the inner types is one of the outer types; an integer
// is also a number, and no types mean all.
func fitsTypes(inner, outer []string) bool {
	if slices.Contains(outer, openapi3.TypeNumber) {
		outer = append(slices.Clone(outer), openapi3.TypeInteger)
	}
	return len(outer) == 0 || len(inner) > 0 && subset(inner, outer)
}

// values finds what narrows the single values of a request. In answers all of this may change:
// other values may appear.
func (w *walker) values(p place, base, head shape) {
	older, newer := base.enum(), head.enum()
	switch {
	case newer != nil && older == nil:
		w.add(p, "takes only %s now", strings.Join(newer, ", "))
	case newer != nil:
		for _, value := range older {
			if !slices.Contains(newer, value) {
				w.add(p, "value %s is gone", value)
			}
		}
	}
	for _, pattern := range head.patterns() {
		if !slices.Contains(base.patterns(), pattern) {
			w.add(p, "pattern %s is new", pattern)
		}
	}
	if head.unique() && !base.unique() {
		w.add(p, "takes no repeated items now")
	}
	w.limits(p, base, head)
	w.exceptions(p, base, head)
}

// exceptions asks that whatever a "not" of head excludes was excluded by one of base.
func (w *walker) exceptions(p place, base, head shape) {
	for _, except := range head.except() {
		covered := func(other *openapi3.SchemaRef) bool {
			return w.silent(func(probe *walker) { probe.walk(p.at("not"), schemaOf(except), schemaOf(other)) })
		}
		if !slices.ContainsFunc(base.except(), covered) {
			w.add(p, "excludes values that it took")
		}
	}
}

func (w *walker) limits(p place, base, head shape) {
	for _, l := range limits {
		older, newer := base.bound(l), head.bound(l)
		switch {
		case newer == nil:
		case older == nil:
			w.add(p, "%s %s is new", l.keyword, newer.text)
		case l.tighter(newer, older):
			w.add(p, "%s %s has become %s", l.keyword, older.text, newer.text)
		}
	}
	for _, n := range head.multiples() {
		if !slices.ContainsFunc(base.multiples(), func(m float64) bool { return math.Mod(m, n) == 0 }) {
			w.add(p, "multipleOf %v is new", n)
		}
	}
}

func (w *walker) required(p place, base, head shape) {
	inner, outer := p.order(base, head)
	known := inner.properties(p.request)
	for _, name := range outer.required(p.request) {
		switch {
		case slices.Contains(inner.required(p.request), name):
		case !p.request:
			if _, ok := known[name]; ok { // else it is gone
				w.add(p.at(name), "has become optional")
			}
		case known[name] != nil:
			w.add(p.at(name), "has become required")
		default:
			w.add(p.at(name), "is new and required")
		}
	}
}

func (w *walker) properties(p place, base, head shape) {
	older, newer := base.properties(p.request), head.properties(p.request)
	for _, name := range slices.Sorted(maps.Keys(older)) {
		if newer[name] == nil {
			w.add(p.at(name), "is gone")
			continue
		}
		w.walk(p.at(name), older[name], newer[name])
	}
}

// others compares what properties without a name of their own may be. Answers may stop sending them
// where they were not declared.
func (w *walker) others(p place, base, head shape) {
	older, open := base.others()
	newer, stillOpen := head.others()
	switch {
	case open && !stillOpen && (p.request || len(older) > 0):
		w.add(p, "has no other properties any more")
	case open && stillOpen && len(older)+len(newer) > 0:
		w.walk(p.at("*"), older, newer)
	}
}
