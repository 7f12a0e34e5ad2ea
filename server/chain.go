package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/gen/controlserver"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server/internal/auth"
	"github.com/qcsdev/qcs/server/internal/controlapi"
	"github.com/qcsdev/qcs/server/internal/fault"
	"github.com/qcsdev/qcs/server/internal/request"
	"github.com/qcsdev/qcs/server/internal/vendorapi"
)

// The largest bodies of calls, in bytes: of the vendor's API, and of the control API, which takes
// whole snapshots.
const (
	vendorBody  = 1 << 20
	controlBody = 256 << 20
)

// handler puts the stages of a request together. A request passes them in the order in which they
// are written here.
func (s *Server) handler() (http.Handler, error) {
	fail := vendorapi.Fail(s.options.Now)
	for _, api := range []reflect.Type{
		reflect.TypeFor[apiserver.StrictServerInterface](), reflect.TypeFor[controlserver.StrictServerInterface](),
	} {
		for i := range api.NumMethod() {
			if err := auth.CheckPermission(api.Method(i).Name); err != nil {
				return nil, err
			}
		}
	}
	return chain(
		s.route(fail),
		s.recorder.Middleware,                 // around all: a recorded call has one time from begin to end
		cleanPath,                             // one form for each path
		withState,                             // what the following stages share
		vendorapi.Dialect,                     // calls of v1.1 and v1.2 become calls of v1.3
		s.observe,                             // a request id, and one line of log
		recoverPanics(s.options.Logger, fail), // a panic is a 500, which observe logs
	), nil
}

// vendor is the way of a request of the vendor's API, from its path to its operation.
func (s *Server) vendor(fail request.Fail) (http.Handler, error) {
	h := &vendorapi.Handlers{
		Registry: s.registry, Scans: s.scans, Reports: s.reports, Authority: s.authority,
		AuthStatus: s.options.AuthStatus, EmptyListStatus: s.options.EmptyListStatus,
	}
	var binders vendorapi.Binders
	if s.options.Validate == ValidateGenerated && s.options.Strictness == contract.Strict {
		binders = apiserver.Bound(h, vendorBody) // without this line the reference checks all requests
	}
	find, err := s.find(contract.VendorDocument, vendorBody, fail)
	if err != nil {
		return nil, err
	}
	reference := generated(fail, func(e *echo.Echo) {
		apiserver.RegisterHandlers(e, apiserver.NewStrictHandler(h, nil))
	})
	faults := &fault.Applier{
		Set: &s.faults, Authority: s.authority, Random: s.options.Random, Header: s.options.FaultHeader,
		MaxBody: vendorBody, Before: s.journal.Before, Fail: fail,
	}
	return chain(
		vendorapi.Operations(binders, reference, fail),
		s.journal.Middleware(s.options.Now),               // keeps the answer that the caller sees
		find,                                              // the operation, or 404 and 405
		faults.Middleware,                                 // before authentication, which a fault may refuse
		s.checkResponses(fail),                            // off unless options ask for it
		s.authority.Middleware(fail),                      // 401, and 409 for what the plan lacks
		s.limiter.Middleware(fail),                        // 429; a call without a permission counts
		auth.Authorize(fail),                              // 403
		newResponseCache(s.options.CacheBytes).Middleware, // below authorization: answers depend on the role
		vendorapi.Rewrite(s.options.FilterDecoding, s.options.Logger), // what clients write in their own way
	), nil
}

// control is the way of a request of the control API. It has neither journal nor faults.
func (s *Server) control(fail request.Fail) (http.Handler, error) {
	find, err := s.find(contract.ControlDocument, controlBody, fail)
	if err != nil {
		return nil, err
	}
	access := auth.Control{
		Token: s.options.ControlToken, Owner: s.owner.secret(), Closed: s.options.ControlClosed,
		Hosts: s.options.ControlHosts,
	}
	reference := generated(fail, func(e *echo.Echo) {
		controlserver.RegisterHandlers(e, controlserver.NewStrictHandler(s.controls(), nil))
	})
	return chain(
		vendorapi.Operations(nil, reference, fail),
		find,                         // the operation, or 404 and 405
		s.checkResponses(fail),       // off unless options ask for it
		access.Middleware(fail),      // 403 for other origins; the control token
		s.authority.Middleware(fail), // 401
		s.limiter.Middleware(fail),   // 429
		auth.Authorize(fail),         // 403
		vendorapi.Rewrite(s.options.FilterDecoding, s.options.Logger), // filters of the journal
	), nil
}

// controls are the handlers of the control API.
func (s *Server) controls() *controlapi.Handlers {
	return &controlapi.Handlers{
		Store: s.store, Registry: s.registry, Scans: s.scans, Worlds: s.worlds, Authority: s.authority,
		Faults: &s.faults, Journal: s.journal, Recorder: s.recorder, Configured: s.options.worldNames(),
		NewID: s.ids.New, Version: s.options.Version, Replay: s.replay,
	}
}

// chain puts middlewares in front of a handler, the first one outermost.
func chain(h http.Handler, middlewares ...request.Middleware) http.Handler {
	for _, middleware := range slices.Backward(middlewares) {
		h = middleware(h)
	}
	return h
}

// route separates the pages, the control API and the vendor's API. It is not an http.ServeMux,
// which would redirect unclean paths.
func (s *Server) route(fail request.Fail) http.Handler {
	pages, vendor, control := s.pages(), lazy(s.vendor, fail), lazy(s.control, fail)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := pages[r.URL.Path]
		switch {
		case ok && r.Method != http.MethodGet && r.Method != http.MethodHead:
			fail(w, r, &contract.MethodError{Allow: []string{http.MethodGet, http.MethodHead}})
		case ok:
			page(w, r)
		case strings.HasPrefix(r.URL.Path, "/_qcs/"):
			control.ServeHTTP(w, r)
		default:
			vendor.ServeHTTP(w, r)
		}
	})
}

// lazy builds a handler, for which it reads a document, when the first request needs it: so the
// emulator is ready sooner.
func lazy(build func(request.Fail) (http.Handler, error), fail request.Fail) http.Handler {
	handler := sync.OnceValues(func() (http.Handler, error) { return build(fail) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, err := handler()
		if err != nil {
			fail(w, r, err)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// find finds the operation of a request in a document.
func (s *Server) find(
	document func() (*contract.Document, error), maxBody int64, fail request.Fail,
) (request.Middleware, error) {
	d, err := document()
	if err != nil {
		return nil, err
	}
	d = d.With(contract.Options{
		MaxBody: maxBody, Strictness: s.options.Strictness,
		Passed: func(e *contract.RequestError) {
			s.options.Logger.Warn("let pass by --strictness=vendor", "rule", e.Rule, "cause", e)
		},
	})
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m, err := d.Find(r.Method, r.URL)
			if err != nil {
				fail(w, r, err)
				return
			}
			state := request.Of(r.Context())
			state.Match, state.Operation = m, m.ID
			defer state.End()
			next.ServeHTTP(w, r)
		})
	}, nil
}

// generated is the router with the handlers of oapi-codegen.
func generated(fail request.Fail, register func(*echo.Echo)) http.Handler {
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) { fail(c.Response(), c.Request(), err) }
	register(e)
	return e
}

// checkResponses checks answers against the document where the options ask for it.
func (s *Server) checkResponses(fail request.Fail) request.Middleware {
	if s.options.ValidateResponses || s.options.OnViolation != nil {
		return vendorapi.CheckResponses(s.options.OnViolation, fail)
	}
	return func(next http.Handler) http.Handler { return next }
}

// cleanPath serves a path with a trailing slash as the path without it, as release notes 1.12 write
// it, and brings escapes into one form. It never redirects: clients would drop bodies and methods.
func cleanPath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isClean(r.URL) {
			next.ServeHTTP(w, r)
			return
		}
		segments := strings.Split(strings.TrimRight(r.URL.EscapedPath(), "/"), "/")
		for i, segment := range segments {
			if decoded, err := url.PathUnescape(segment); err == nil {
				segments[i] = url.PathEscape(decoded)
			}
		}
		u, cleaned := *r.URL, *r
		u.RawPath = strings.Join(segments, "/")
		u.Path, _ = url.PathUnescape(u.RawPath) // it was escaped just now
		cleaned.URL = &u
		next.ServeHTTP(w, &cleaned)
	})
}

// isClean reports whether a path is in the one form already: most are.
func isClean(u *url.URL) bool {
	for _, c := range []byte(u.Path) {
		if (c < 'a' || c > 'z') && (c < '-' || c > '9') && (c < 'A' || c > 'Z') && c != '_' {
			return false
		}
	}
	return u.RawPath == "" && !strings.HasSuffix(u.Path, "/")
}

// recoverPanics turns a panic into a 500 whose cause is in the log.
func recoverPanics(log *slog.Logger, fail request.Fail) request.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				switch cause := recover(); cause {
				case nil:
				case http.ErrAbortHandler: // the server's own way to cut a connection
					panic(cause)
				default:
					log.Error("panic", "cause", cause, "stack", string(debug.Stack()))
					fail(w, r, fmt.Errorf("panic: %v", cause))
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
}
