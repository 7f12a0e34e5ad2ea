package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
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

// handler returns the handler of all requests. A request passes the middleware in the order in
// which it is listed here.
func (s *Server) handler() http.Handler {
	fail := vendorapi.Fail(s.options.Now)
	return chain(
		s.route(fail),
		drainBodies,                           // outermost: the caller receives the response of any middleware
		s.recorder.Middleware,                 // a recorded call has one time from begin to end
		withoutBody,                           // the response to a HEAD has no body
		cleanPath,                             // each path in one form
		withState,                             // the state that the following middleware shares
		vendorapi.Dialect,                     // converts calls of v1.1 and v1.2 to calls of v1.3
		s.observe,                             // a request id, and one line of log
		recoverPanics(s.options.Logger, fail), // a panic becomes a 500, which observe logs
	)
}

// vendor returns the handler of the vendor's API: middleware and operations.
func (s *Server) vendor(fail request.Fail) (http.Handler, error) {
	h := &vendorapi.Handlers{
		Registry: s.registry, Scans: s.scans, Reports: s.reports, Authority: s.authority,
		AuthStatus: s.options.AuthStatus, EmptyListStatus: s.options.EmptyListStatus,
	}
	var binders vendorapi.Binders
	if s.options.Validate == ValidateGenerated && s.options.Strictness == contract.Strict {
		binders = apiserver.Bound(h, vendorBody) // without this line the reference checks all requests
	}
	find, err := find(contract.VendorDocument, contract.Options{
		MaxBody: vendorBody, Strictness: s.options.Strictness,
		Passed: func(e *contract.RequestError) {
			s.options.Logger.Warn("accepted by --strictness=vendor", "rule", e.Rule, "cause", e)
		},
	}, fail)
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
		s.journal.Middleware(s.options.Now, s.authority), // stores the response that the caller gets
		find,                   // the operation, or 404 and 405
		faults.Middleware,      // before authentication, which a fault may refuse
		s.checkResponses(fail), // off unless an option enables it
		s.authority.Middleware(auth.VendorAPI, fail),                  // 401, and 409 if the plan lacks the operation
		s.limiter.Middleware(fail),                                    // 429; a call without a permission counts
		auth.Authorize(fail),                                          // 403
		newResponseCache(s.options.CacheBytes).Middleware,             // after authorization: it depends on the role
		vendorapi.Rewrite(s.options.FilterDecoding, s.options.Logger), // deviations of some clients
	), nil
}

// control returns the handler of the control API, which has neither journal nor faults.
func (s *Server) control(fail request.Fail) (http.Handler, error) {
	// It is always strict: what the vendor ignores says nothing about the control API.
	find, err := find(contract.ControlDocument, contract.Options{MaxBody: controlBody}, fail)
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
		find,                    // the operation, or 404 and 405
		s.checkResponses(fail),  // off unless an option enables it
		access.Middleware(fail), // 403 for other origins; the control token
		s.authority.Middleware(auth.ControlAPI, fail),                 // 401
		s.limiter.Middleware(fail),                                    // 429
		auth.Authorize(fail),                                          // 403
		vendorapi.Rewrite(s.options.FilterDecoding, s.options.Logger), // filters of the journal
	), nil
}

// controls returns the handlers of the control API.
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

// lazy builds a handler when the first request needs it. Building reads a document, and without it
// the emulator is ready sooner.
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

// find finds the operation of a request in a document. Each operation must have a permission.
// A HEAD continues as a GET.
func find(
	document func() (*contract.Document, error), o contract.Options, fail request.Fail,
) (request.Middleware, error) {
	d, err := document()
	if err != nil {
		return nil, err
	}
	for _, o := range d.Operations() {
		if err := auth.CheckPermission(o.ID); err != nil {
			return nil, err
		}
	}
	d = d.With(o)
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
			if r.Method == http.MethodHead {
				get := *r
				get.Method = http.MethodGet
				r = &get
			}
			next.ServeHTTP(w, r)
		})
	}, nil
}

// withoutBody drops the body of the response to a HEAD, as net/http does, for callers without a
// connection.
func withoutBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w = headWriter{w}
		}
		next.ServeHTTP(w, r)
	})
}

// headWriter writes the header of a response only.
type headWriter struct{ http.ResponseWriter }

// Write implements http.ResponseWriter.
func (w headWriter) Write(data []byte) (int, error) { return len(data), nil }

// Unwrap lets http.ResponseController reach the connection.
func (w headWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// generated returns the router with the handlers of oapi-codegen.
func generated(fail request.Fail, register func(*echo.Echo)) http.Handler {
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) { fail(c.Response(), c.Request(), err) }
	register(e)
	return e
}

// checkResponses checks responses against the document if an option enables it.
func (s *Server) checkResponses(fail request.Fail) request.Middleware {
	if s.options.ValidateResponses || s.options.OnViolation != nil {
		return vendorapi.CheckResponses(s.options.OnViolation, fail)
	}
	return func(next http.Handler) http.Handler { return next }
}

// cleanPath removes a trailing slash, which release notes 1.12 use, and normalizes escapes. It
// never redirects: clients would drop bodies and methods.
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
		u.Path, _ = url.PathUnescape(u.RawPath) // it was escaped above
		cleaned.URL = &u
		next.ServeHTTP(w, &cleaned)
	})
}

// isClean reports whether a path is in the normal form already, as most are.
func isClean(u *url.URL) bool {
	for _, c := range []byte(u.Path) {
		if (c < 'a' || c > 'z') && (c < '-' || c > '9') && (c < 'A' || c > 'Z') && c != '_' {
			return false
		}
	}
	return u.RawPath == "" && !strings.HasSuffix(u.Path, "/")
}

// recoverPanics converts a panic to a 500 whose cause is in the log.
func recoverPanics(log *slog.Logger, fail request.Fail) request.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				switch cause := recover(); cause {
				case nil:
				case http.ErrAbortHandler: // net/http closes the connection
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
