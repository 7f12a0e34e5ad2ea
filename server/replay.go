package server

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/gen/controlserver"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/store"
)

// ReplayScenario makes the calls of a recording again.
func (c *controls) ReplayScenario(
	ctx context.Context, r controlserver.ReplayScenarioRequestObject,
) (controlserver.ReplayScenarioResponseObject, error) {
	replay, err := Replay(ctx, *r.Body, c.server.options)
	return controlserver.ReplayScenario200JSONResponse(replay), err
}

// Replay makes the calls of a recording again, in an emulator of its own in memory, and compares
// the answers. Of the options, those count that change answers; data, worlds, users and time are
// those of the recording.
func Replay(ctx context.Context, scenario control.Scenario, o Options) (control.Replay, error) {
	told := scenario.Recording
	result := control.Replay{Differences: []control.Difference{}}
	if told.World == "" || !registry.HasState(scenario) {
		return result, &registry.RuleError{Msg: "The scenario holds no recording."}
	}
	s, err := stage(scenario, o)
	if err != nil {
		return result, err
	}
	defer func() { _ = s.Close() }() // it is in memory
	for i, call := range told.Calls {
		if ctx.Err() != nil {
			return result, ctx.Err()
		}
		if call.At > told.Began.Add(longest) {
			return result, &registry.RuleError{
				Msg: fmt.Sprintf("Call %d is more than ten years after the beginning.", i+1),
			}
		}
		again, err := s.again(ctx, call, moment{world: told.World, at: call.At, seed: told.Seed, call: i + 1})
		if err != nil {
			return result, fmt.Errorf("call %d: %w", i+1, err)
		}
		result.Calls++
		differences := compare(i+1, call, again)
		switch {
		case call.Unchecked:
			result.Unchecked++
		case len(differences) == 0:
			result.Same++
		default:
			result.Differences = append(
				result.Differences,
				differences[:min(len(differences), maxDifferences-len(result.Differences))]...)
		}
	}
	return result, nil
}

// longest is how long a recording may last: as far as a clock can be moved on.
const longest = 10 * 366 * 24 * time.Hour

// maxDifferences is how many differences are told.
const maxDifferences = 100

// stage is an emulator whose world is as it was when a recording began.
func stage(scenario control.Scenario, o Options) (*Server, error) {
	told := scenario.Recording
	o.Data, o.Database, o.Existing, o.Seed, o.Scenario = memory, "", false, "", control.Scenario{State: scenario.State}
	o.Worlds = []World{{Name: told.World, Plan: store.PlanOf(scenario.State)}}
	o.Users = nil
	o.FirstUser = nil
	o.SigningKey = nil
	o.ControlToken = ""
	o.ControlClosed = false
	o.ControlHosts = nil
	o.OnViolation = nil
	o.Logger = slog.New(slog.DiscardHandler)
	o.Now = told.Began.Time
	o = withDefaults(o)
	known := map[string]bool{}
	for _, u := range told.Users {
		if known[u.Name] {
			return nil, &registry.RuleError{Msg: "The user " + u.Name + " is there twice."}
		}
		known[u.Name] = true
		random := make([]byte, 16)
		if _, err := io.ReadFull(o.Random, random); err != nil {
			return nil, fmt.Errorf("random source: %w", err)
		}
		o.Users = append(
			o.Users,
			User{Name: u.Name, Password: hex.EncodeToString(random), Role: Role(u.Role), World: told.World},
		)
	}
	if err := o.check(); err != nil {
		return nil, &registry.RuleError{Msg: err.Error()}
	}
	s, err := New(o)
	if err != nil {
		return nil, err
	}
	s.faults.Load(told.World, told.Faults, told.LastFault)
	for name, file := range told.Snapshots {
		if _, err := s.registry.ImportSnapshot(
			registry.WithWorld(context.Background(), told.World), name, file,
		); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// again makes a recorded call, with a token that is made for it.
func (s *Server) again(ctx context.Context, call control.RecordedCall, m moment) (control.RecordedCall, error) {
	body := call.Body
	if call.Base64 {
		decoded, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			return call, &registry.RuleError{Msg: "Its body is not Base64."}
		}
		body = string(decoded)
	}
	path, err := url.PathUnescape(call.Path)
	if err != nil {
		return call, &registry.RuleError{Msg: "Its path cannot be read."}
	}
	r := &http.Request{
		Method:     call.Method,
		URL:        &url.URL{Scheme: "http", Host: "qcs.test", Path: path, RawPath: call.Path, RawQuery: call.Query},
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header: http.Header(
			maps.Clone(call.Headers),
		),
		Host:          "qcs.test",
		Body:          bodyOf(body),
		ContentLength: int64(len(body)),
		RemoteAddr:    "192.0.2.1:1234",
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.RequestURI = r.URL.RequestURI()
	if _, _, known := s.authority.user(call.User); call.User != "" && !known {
		return call, &registry.RuleError{Msg: "The recording has no user " + call.User + "."}
	}
	if call.User != "" {
		token, err := s.authority.issue(store.At(ctx, m.at), call.User)
		if err != nil {
			return call, err
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	again := control.RecordedCall{}
	s.perform(s.handler, &recorder{header: http.Header{}}, r.WithContext(ctx), m).answer(&again)
	if call.Base64 {
		again.Answer = base64.StdEncoding.EncodeToString([]byte(again.Answer))
	}
	return again, nil
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
		all = append(
			all,
			control.Difference{
				Call:     number,
				Method:   was.Method,
				Path:     target,
				What:     what,
				Recorded: excerpt(recorded[from:]),
				Replayed: excerpt(replayed[from:]),
			},
		)
	}
	differ("status", fmt.Sprint(was.Status), fmt.Sprint(is.Status))
	differ("cut", fmt.Sprint(was.Cut), fmt.Sprint(is.Cut))
	names := map[string]bool{}
	for name := range was.AnswerHeaders {
		names[name] = true
	}
	for name := range is.AnswerHeaders {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		differ(name, strings.Join(was.AnswerHeaders[name], ", "), strings.Join(is.AnswerHeaders[name], ", "))
	}
	differ("body", was.Answer, is.Answer)
	return all
}

// excerpt is the beginning of a long text.
func excerpt(text string) string {
	const enough = 500
	if len(text) <= enough {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.ToValidUTF8(text[:enough], "\uFFFD") + "…"
}

// bodyOf is a body as a server has it: none when it is empty.
func bodyOf(text string) io.ReadCloser {
	if text == "" {
		return http.NoBody
	}
	return io.NopCloser(strings.NewReader(text))
}
