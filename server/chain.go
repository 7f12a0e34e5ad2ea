package server

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/gen/controlserver"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server/internal/store"
)

// The documents, each read when it is first needed, once for all servers of a process.
var (
	vendorDocument = sync.OnceValues(
		func() (*contract.Document, error) { return contract.Open(openapi.JSON, contract.Options{}) },
	)
	controlDocument = sync.OnceValues(
		func() (*contract.Document, error) { return contract.Open(openapi.ControlJSON, contract.Options{}) },
	)
)

// The greatest bodies of calls, in bytes: those of the vendor's paths, and those of the control
// API, which takes whole snapshots.
const (
	vendorBody  = 1 << 20
	controlBody = 256 << 20
)

// chain puts the handler together. A request goes through these in the order in which they are
// written here.
func (s *Server) chain() (http.Handler, error) {
	operations := reflect.TypeFor[apiserver.StrictServerInterface]()
	for i := range operations.NumMethod() {
		if err := permitted(operations.Method(i).Name); err != nil {
			return nil, err
		}
	}
	h := &handlers{s.registry, s.authority, s.options}
	vendor := s.surface(surface{
		document: vendorDocument,
		maxBody:  vendorBody,
		register: func(e *echo.Echo) { apiserver.RegisterHandlers(e, apiserver.NewStrictHandler(h, nil)) },
		bound:    apiserver.Bound(h, vendorBody), // without this line all goes the way of the reference
	})
	control := s.surface(surface{document: controlDocument, maxBody: controlBody, register: func(e *echo.Echo) {
		controlserver.RegisterHandlers(e, controlserver.NewStrictHandler(&controls{s.registry, s}, nil))
	}})
	return s.recorded(s.cleanPath(s.dialect(s.observe(s.recover(s.route(s.record(vendor), control)))))), nil
}

// permitted fails for an operation of which nobody has decided who may call it.
func permitted(operation string) error {
	if _, ok := permissions[operation]; !ok {
		return fmt.Errorf("operation %s has no permission", operation)
	}
	return nil
}

// surface serves the operations of a document, which is read when the first of them is called: the
// emulator is sooner ready.
func (s *Server) surface(f surface) http.Handler {
	handler := sync.OnceValues(func() (http.Handler, error) { return s.guard(f) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next, err := handler()
		if err != nil {
			s.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// route tells the three surfaces apart. It is no http.ServeMux, which would redirect unclean paths.
func (s *Server) route(vendor, control http.Handler) http.Handler {
	service := s.service()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := service[r.URL.Path]
		switch {
		case ok && r.Method != http.MethodGet && r.Method != http.MethodHead:
			s.fail(w, r, &contract.MethodError{Allow: []string{http.MethodGet, http.MethodHead}})
		case ok:
			page(w, r)
		case strings.HasPrefix(r.URL.Path, "/_qcs/"):
			control.ServeHTTP(w, r)
		default:
			vendor.ServeHTTP(w, r)
		}
	})
}

// cleanPath serves a path with a trailing slash as the path without it, as release notes 1.12 write
// it, and brings escapes into one form. It never redirects: bodies and methods would get lost.
func (s *Server) cleanPath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if plainPath(r.URL) {
			next.ServeHTTP(w, r)
			return
		}
		segments := strings.Split(strings.TrimRight(r.URL.EscapedPath(), "/"), "/")
		for i, segment := range segments {
			if decoded, err := url.PathUnescape(segment); err == nil {
				segments[i] = url.PathEscape(decoded)
			}
		}
		u, shallow := *r.URL, *r
		u.RawPath = strings.Join(segments, "/")
		u.Path, _ = url.PathUnescape(u.RawPath) // it was escaped just now
		shallow.URL = &u
		next.ServeHTTP(w, &shallow)
	})
}

// plainPath reports whether a path is in the one form already: most are.
func plainPath(u *url.URL) bool {
	for _, c := range []byte(u.Path) {
		if (c < 'a' || c > 'z') && (c < '-' || c > '9') && (c < 'A' || c > 'Z') && c != '_' {
			return false
		}
	}
	return u.RawPath == "" && !strings.HasSuffix(u.Path, "/")
}

// recover turns a panic into a 500 whose cause is in the log.
func (s *Server) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch cause := recover(); cause {
			case nil:
			case http.ErrAbortHandler: // the server's own way to cut a connection
				panic(cause)
			default:
				s.options.Logger.Error("panic", "cause", cause, "stack", string(debug.Stack()))
				s.fail(w, r, fmt.Errorf("panic: %v", cause))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// guard lets through to the handlers of a document only what the document allows: it finds the
// operation, authenticates, checks the permission and validates, in this order. As everything
// passes here, no operation can be without; an operation without a permission keeps the server, or
// the control API, from serving.
func (s *Server) guard(f surface) (http.Handler, error) {
	d, err := f.document()
	if err != nil {
		return nil, err
	}
	d = d.With(
		contract.Options{MaxBody: f.maxBody, Strictness: s.options.Strictness, Passed: func(e *contract.RequestError) {
			s.options.Logger.Warn("let pass by --strictness=vendor", "rule", e.Rule, "cause", e)
		}},
	)
	for _, o := range d.Operations() {
		if err := permitted(o.ID); err != nil {
			return nil, err
		}
	}
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) { s.fail(c.Response(), c.Request(), err) }
	f.register(e)
	return gate{s, d, checked{f.binders(s.options), e}}, nil
}

// gate is what guard has made of a document and its handlers.
type gate struct {
	*Server
	document *contract.Document
	handlers checked
}

// ServeHTTP implements http.Handler.
func (g gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m, err := g.document.Find(r.Method, r.URL)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	x := exchangeOf(r.Context())
	x.operation = m.ID
	defer func() {
		if x.leave != nil {
			x.leave()
		}
	}()
	if strings.HasPrefix(m.Path, "/_qcs/") || !g.breaks(r) {
		g.answer(w, r, m)
		return
	}
	g.broken(w, r, m, func(w http.ResponseWriter, r *http.Request) { g.answer(w, r, m) })
}

// answer serves a call and, where that is asked for, holds what is answered to the document.
func (g gate) answer(w http.ResponseWriter, r *http.Request, m contract.Match) {
	if g.options.ValidateResponses || g.options.OnViolation != nil {
		g.validated(w, r, m, g.pass)
		return
	}
	g.pass(w, r, m)
}

// pass serves a call that is admitted and fits the document.
func (g gate) pass(w http.ResponseWriter, r *http.Request, m contract.Match) {
	err := g.admit(w, r, m)
	if err == nil {
		if m.Evidence().Answer == openapi.Chosen {
			exchangeOf(r.Context()).Note("answer of " + m.ID + " (" + string(openapi.Chosen) + ")")
		}
		err = g.handlers.serve(w, r, m)
	}
	if err != nil {
		g.fail(w, r, err)
	}
}

// admit authenticates a request.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, m contract.Match) error {
	p := permissions[m.ID]
	if strings.HasPrefix(m.Path, "/_qcs/") {
		if err := s.admitControl(r, p.administers); err != nil {
			return err
		}
	}
	if !m.Public && !p.administers {
		if err := s.caller(w, r, m); err != nil {
			return err
		}
	}
	if m.ID == "UpdatePolicy" && strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
		r.Header.Set("Content-Type", "application/json") // as the documented sample sends it (docs: runtime policies)
	}
	s.decodeFilter(r)
	return nil
}

// caller finds out who makes a call, and refuses those who may not make it now.
func (s *Server) caller(w http.ResponseWriter, r *http.Request, m contract.Match) error {
	c, err := s.authority.authenticate(r)
	x := exchangeOf(r.Context())
	x.user, x.world, x.now = c.name, c.world, c.now
	if err != nil {
		return err
	}
	if paid(m.ID) && s.authority.world(c.world).Plan == store.PlanFree {
		return errFreePlan // before any rate header: with one, clients would wait and try again
	}
	if x.leave, err = s.limiter.enter(w.Header(), c.name, m.ID); err != nil {
		return err
	}
	if err := s.limiter.allow(w.Header(), c.name, m.ID, c.now); err != nil {
		return err
	}
	return permit(c, m.ID)
}

// validated serves a call and holds the answer to the document.
func (s *Server) validated(
	w http.ResponseWriter, r *http.Request, m contract.Match,
	serve func(http.ResponseWriter, *http.Request, contract.Match),
) {
	answer := &recorder{header: w.Header(), status: http.StatusOK}
	serve(answer, r, m)
	err := m.CheckResponse(
		r, contract.Response{Status: answer.status, Header: answer.header, Body: answer.body.Bytes()},
	)
	if err == nil || r.Context().Err() != nil {
		w.WriteHeader(answer.status)
		_, _ = w.Write(answer.body.Bytes()) // the caller may be gone
		return
	}
	exchangeOf(r.Context()).violation = err.Error()
	if s.options.OnViolation != nil {
		s.options.OnViolation(err)
	}
	s.fail(w, r, err)
}
