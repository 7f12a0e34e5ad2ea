// Package otelclient writes traces and metrics of the calls of an SDK client with OpenTelemetry. It
// is a separate package, so that package client does not import OpenTelemetry.
//
//	c, err := client.New(client.FromEnv(), client.WithHooks(otelclient.Hooks()))
//
// Each attempt is a span named after method and route, such as "GET /csapi/v1.3/registry/{id}",
// with the attributes of the semantic conventions for HTTP clients, and a value of the histogram
// http.client.request.duration. The request headers carry the trace context. Query, headers and
// bodies are not recorded.
package otelclient

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/qcsdev/qcs/client"
)

// scope is the name of the instrumentation.
const scope = "github.com/qcsdev/qcs/client/otelclient"

// settings has the values of the options.
type settings struct {
	traces     trace.TracerProvider
	metrics    metric.MeterProvider
	propagator propagation.TextMapPropagator
	now        func() time.Time
}

// Option configures the hooks.
type Option func(*settings)

// WithTracerProvider sets the provider of spans. Default: the global one.
func WithTracerProvider(p trace.TracerProvider) Option { return func(s *settings) { s.traces = p } }

// WithMeterProvider sets the provider of metrics. Default: the global one.
func WithMeterProvider(p metric.MeterProvider) Option { return func(s *settings) { s.metrics = p } }

// WithPropagator sets the propagator, which writes the trace context into the request headers.
// Default: the global one.
func WithPropagator(p propagation.TextMapPropagator) Option {
	return func(s *settings) { s.propagator = p }
}

// WithClock replaces the clock that measures durations. It is for tests.
func WithClock(now func() time.Time) Option { return func(s *settings) { s.now = now } }

type startKey struct{}

// Hooks gives the hooks for client.WithHooks.
func Hooks(options ...Option) client.Hooks {
	s := settings{
		traces:     otel.GetTracerProvider(),
		metrics:    otel.GetMeterProvider(),
		propagator: otel.GetTextMapPropagator(),
		now:        time.Now, //nolint:forbidigo // the default of WithClock
	}
	for _, o := range options {
		o(&s)
	}
	tracer := s.traces.Tracer(scope)
	duration, err := s.metrics.Meter(scope).Float64Histogram(
		"http.client.request.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of HTTP client requests."),
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
	)
	if err != nil {
		otel.Handle(err) // the histogram records nothing then
	}
	return client.Hooks{
		Before: func(r *http.Request) *http.Request {
			ctx, span := tracer.Start(
				r.Context(), r.Method+" "+client.Route(r.URL.Path), trace.WithSpanKind(trace.SpanKindClient),
				trace.WithAttributes(common(r)...),
			)
			if n := client.AttemptOf(ctx); n > 1 {
				span.SetAttributes(attribute.Int("http.request.resend_count", n-1))
			}
			s.propagator.Inject(ctx, propagation.HeaderCarrier(r.Header))
			return r.WithContext(context.WithValue(ctx, startKey{}, s.now()))
		},
		After: func(r *http.Request, response *http.Response, err error) {
			ctx := r.Context()
			span := trace.SpanFromContext(ctx)
			outcome := outcomeOf(response, err)
			span.SetAttributes(outcome...)
			if err != nil || response.StatusCode >= http.StatusBadRequest {
				span.SetStatus(codes.Error, "")
			}
			span.End()
			if start, ok := ctx.Value(startKey{}).(time.Time); ok {
				duration.Record(
					ctx, s.now().Sub(start).Seconds(), metric.WithAttributes(append(common(r), outcome...)...),
				)
			}
		},
	}
}

func common(r *http.Request) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("http.request.method", r.Method),
		attribute.String("server.address", r.URL.Hostname()),
		attribute.String("url.template", client.Route(r.URL.Path)),
	}
}

func outcomeOf(response *http.Response, err error) []attribute.KeyValue {
	if err != nil {
		return []attribute.KeyValue{attribute.String("error.type", "transport")}
	}
	all := []attribute.KeyValue{attribute.Int("http.response.status_code", response.StatusCode)}
	if response.StatusCode >= http.StatusBadRequest {
		all = append(all, attribute.String("error.type", strconv.Itoa(response.StatusCode)))
	}
	return all
}
