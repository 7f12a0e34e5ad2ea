package traffic

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/internal/auth"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/request"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/world"
)

// maxLength is how long a recording may last: as far as a clock can be moved on.
const maxLength = 10 * 366 * 24 * time.Hour

// maxDifferences is how many differences an answer lists.
const maxDifferences = 100

// ReplayServer is an emulator in memory whose world is as it was when a recording began.
type ReplayServer struct {
	Handler   http.Handler
	Registry  *registry.Service
	Authority *auth.Authority
	Close     func() error
}

// Replay repeats a recording in an emulator that open starts, and compares the answers.
func Replay(
	ctx context.Context, scenario control.Scenario, open func(control.Scenario) (ReplayServer, error),
) (control.Replay, error) {
	rec := scenario.Recording
	result := control.Replay{Differences: []control.Difference{}}
	if rec.World == "" || !world.HasState(scenario) {
		return result, rule.Errorf("", "The scenario holds no recording.")
	}
	s, err := open(scenario)
	if err != nil {
		return result, err
	}
	defer func() { _ = s.Close() }() // it is in memory
	for i, recorded := range rec.Calls {
		if ctx.Err() != nil {
			return result, ctx.Err()
		}
		if recorded.At > rec.Began.Add(maxLength) {
			return result, rule.Errorf("", "Call %d is more than ten years after the beginning.", i+1)
		}
		c := callContext{
			world: rec.World, at: recorded.At, seed: rec.Seed, number: i + 1,
			rules: s.Registry, log: slog.New(slog.DiscardHandler),
		}
		differences, err := s.repeat(ctx, recorded, c)
		if err != nil {
			return result, fmt.Errorf("call %d: %w", i+1, err)
		}
		result.Calls++
		switch {
		case recorded.Unchecked:
			result.Unchecked++
		case len(differences) == 0:
			result.Same++
		default:
			room := maxDifferences - len(result.Differences)
			result.Differences = append(result.Differences, differences[:min(len(differences), room)]...)
		}
	}
	return result, nil
}

// repeat makes a recorded call again, with a token that is made for it, and compares the answers.
func (s ReplayServer) repeat(
	ctx context.Context, recorded control.RecordedCall, c callContext,
) ([]control.Difference, error) {
	if recorded.Base64 {
		if err := decodeBodies(&recorded); err != nil {
			return nil, err
		}
	}
	r, err := repeated(ctx, recorded)
	if err != nil {
		return nil, err
	}
	if recorded.User != "" {
		if !s.Authority.Knows(recorded.User) {
			return nil, rule.Errorf("", "The recording has no user %s.", recorded.User)
		}
		token, err := s.Authority.Issue(call.WithTime(ctx, c.at), recorded.User)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer := &request.Buffer{Head: http.Header{}}
	result := c.run(s.Handler, answer, r)
	again := control.RecordedCall{Method: recorded.Method}
	result.answer.answer(&again, result.cause)
	if result.state.Operation == "" || result.state.User == "" {
		again.Answer, recorded.Answer = withoutTime(again.Answer), withoutTime(recorded.Answer)
	}
	return compare(c.number, recorded, again), nil
}

// timestamp is the time in the body of a refusal.
var timestamp = regexp.MustCompile(`"timestamp":\d+`)

// withoutTime leaves out the time of a refusal before authentication: it is by the clock of the
// machine, as the world is not known.
func withoutTime(body string) string { return timestamp.ReplaceAllString(body, `"timestamp":0`) }

// decodeBodies decodes the bodies of a call that are in Base64.
func decodeBodies(c *control.RecordedCall) error {
	for _, body := range []*string{&c.Body, &c.Answer} {
		decoded, err := base64.StdEncoding.DecodeString(*body)
		if err != nil {
			return rule.Errorf("", "Its body is not Base64.")
		}
		*body = string(decoded)
	}
	return nil
}

// repeated is the request of a recorded call.
func repeated(ctx context.Context, recorded control.RecordedCall) (*http.Request, error) {
	path, err := url.PathUnescape(recorded.Path)
	if err != nil {
		return nil, rule.Errorf("", "Its path cannot be read.")
	}
	r, err := http.NewRequestWithContext(ctx, recorded.Method, "http://qcs.test", strings.NewReader(recorded.Body))
	if err != nil {
		return nil, rule.Errorf("", "Its method is not valid.")
	}
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = path, recorded.Path, recorded.Query
	maps.Copy(r.Header, recorded.Headers)
	r.RemoteAddr, r.RequestURI = "192.0.2.1:1234", r.URL.RequestURI()
	return r, nil
}

// compare says where an answer differs from the one that was recorded.
func compare(number int, was, is control.RecordedCall) (all []control.Difference) {
	differ := func(what, recorded, replayed string) {
		if recorded == replayed {
			return
		}
		same := 0
		for same < min(len(recorded), len(replayed)) && recorded[same] == replayed[same] {
			same++
		}
		from := max(same-20, 0)
		target := was.Path
		if was.Query != "" {
			target += "?" + was.Query
		}
		all = append(all, control.Difference{
			Call:     number,
			Method:   was.Method,
			Path:     target,
			What:     what,
			Recorded: excerpt(recorded[from:]),
			Replayed: excerpt(replayed[from:]),
		})
	}
	differ("status", fmt.Sprint(was.Status), fmt.Sprint(is.Status))
	differ("cut", fmt.Sprint(was.Cut), fmt.Sprint(is.Cut))
	names := map[string][]string{}
	maps.Copy(names, was.AnswerHeaders)
	maps.Copy(names, is.AnswerHeaders)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		differ(name, strings.Join(was.AnswerHeaders[name], ", "), strings.Join(is.AnswerHeaders[name], ", "))
	}
	differ("body", was.Answer, is.Answer)
	return all
}

// excerpt is the beginning of a long text.
func excerpt(text string) string {
	const enough = 500
	if len(text) > enough {
		text = text[:enough] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
