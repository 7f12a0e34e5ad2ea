package auth

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/request"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Middleware finds the caller of an operation of an API, unless the operation needs none, and
// refuses operations that the plan of the caller's world lacks.
func (a *Authority) Middleware(api API, fail request.Fail) request.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := request.Of(r.Context())
			if s.Match.Public || permissions[s.Operation].administers {
				next.ServeHTTP(w, r)
				return
			}
			c, err := a.Authenticate(r, api)
			s.User, s.Role, s.World = c.User, string(c.Role), c.World
			if err == nil && isPaid(s.Operation) && c.World.Plan == store.PlanFree {
				err = ErrFreePlan // before the headers of the rate limit: with them, clients would wait and try again
			}
			if err != nil {
				fail(w, r, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(call.WithWorld(r.Context(), c.World.Name)))
		})
	}
}

// Middleware counts the calls of a user to an operation, and refuses those beyond the limit.
func (l *Limiter) Middleware(fail request.Fail) request.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := request.Of(r.Context())
			if s.User == "" { // a login, which has no user yet, is not limited (docs)
				next.ServeHTTP(w, r)
				return
			}
			leave, err := l.enter(w.Header(), s.User, s.Operation)
			if leave != nil {
				s.OnEnd(leave)
			}
			if err == nil {
				err = l.allow(w.Header(), s.User, s.Operation, s.Now())
			}
			if err != nil {
				fail(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Authorize refuses callers who lack the permission for an operation.
func Authorize(fail request.Fail) request.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := request.Of(r.Context())
			if s.User != "" {
				if err := authorize(s.User, Role(s.Role), s.Operation); err != nil {
					fail(w, r, err)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Control decides who may call the control API.
type Control struct {
	Token string // required for operations on worlds; "" for none
	Owner string // secret that allows ResetData to processes of the same user; "" for none
	// Closed refuses operations on worlds if there is no Token.
	Closed bool
	// Hosts are the allowed names in the header Host, without regard to case; nil for any.
	Hosts []string
}

// Middleware refuses calls from pages of other sites, and calls of operations on worlds without the
// control token.
func (c Control) Middleware(fail request.Fail) request.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := c.check(r, request.Of(r.Context()).Operation); err != nil {
				fail(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func (c Control) check(r *http.Request, operation string) error {
	if isForeign(r) {
		return &ForbiddenError{"The control API takes no calls from pages of other sites."}
	}
	if !c.knows(r.Host) {
		return &ForbiddenError{"The control API does not know the host of this call."}
	}
	if !permissions[operation].administers {
		return nil
	}
	token, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case operation == "ResetData" && c.Owner != "" && given && same(token, c.Owner):
		return nil
	case c.Token == "" && isForwarded(r):
		return &ForbiddenError{
			"A proxy has forwarded the call, so it may come from another machine, and there is no control token: " +
				"set one for calls on worlds.",
		}
	case c.Token == "" && c.Closed:
		return &ForbiddenError{
			"Other machines can reach the emulator and it has no control token: set one for calls on worlds.",
		}
	case c.Token != "" && (!given || !same(token, c.Token)):
		return unauthorized("the control token is needed: Authorization: Bearer <control token>")
	}
	return nil
}

// isForwarded reports whether a proxy has forwarded a call, so that its caller may be on another
// machine although the connection is local.
func isForwarded(r *http.Request) bool {
	for name := range r.Header {
		if name == "Forwarded" || name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded-") {
			return true
		}
	}
	return false
}

// knows reports whether the host of a call, which may have a port, is one of the allowed ones.
func (c Control) knows(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".") // "localhost." is the same name
	return c.Hosts == nil || slices.ContainsFunc(c.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// isForeign reports whether a call may come from a page of another site: unless its Origin, if any,
// is that of the call, and its Sec-Fetch-Site, if any, says so.
func isForeign(r *http.Request) bool {
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if site != "same-origin" && site != "none" {
			return true
		}
	}
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		return false
	}
	origin, err := url.Parse(origins[0])
	isHTTP := err == nil && (origin.Scheme == "http" || origin.Scheme == "https")
	return len(origins) > 1 || !isHTTP || !strings.EqualFold(origin.Host, r.Host)
}

// same compares secrets in constant time.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
