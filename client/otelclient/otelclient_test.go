package otelclient_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/client/otelclient"
	"github.com/qcsdev/qcs/server/servertest"
)

// parents records the trace headers of requests.
type parents struct {
	next http.RoundTripper
	seen []string
}

func (p *parents) RoundTrip(r *http.Request) (*http.Response, error) {
	p.seen = append(p.seen, r.Header.Get("Traceparent"))
	return p.next.RoundTrip(r)
}

func TestSpansAndMetrics(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	reader := metric.NewManualReader()
	srv := servertest.New(t, servertest.WithSeed("release-notes"))
	arrived := &parents{next: srv.HTTP().Transport}
	c := srv.Client(client.WithHTTPClient(&http.Client{Transport: arrived}), client.WithHooks(otelclient.Hooks(
		otelclient.WithTracerProvider(trace.NewTracerProvider(trace.WithSyncer(spans))), otelclient.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))),
		otelclient.WithPropagator(propagation.TraceContext{}), otelclient.WithClock(srv.Now))))
	if _, err := c.DescribeRegistry(t.Context(), "nosuch"); err == nil {
		t.Fatal("got no error")
	}
	var got []map[string]string
	for i, s := range spans.GetSpans() {
		one := map[string]string{"name": s.Name, "status": s.Status.Code.String(), "kind": s.SpanKind.String()}
		for _, a := range s.Attributes {
			one[string(a.Key)] = a.Value.String()
		}
		got = append(got, one)
		if want := "00-" + s.SpanContext.TraceID().String() + "-" + s.SpanContext.SpanID().String() + "-01"; arrived.seen[i] != want {
			t.Errorf("got traceparent %q, want %q", arrived.seen[i], want)
		}
	}
	want := []map[string]string{
		{"name": "POST /auth", "status": "Unset", "kind": "client", "http.request.method": "POST", "server.address": "qcs.test", "url.template": "/auth", "http.response.status_code": "201"},
		{"name": "GET /csapi/v1.3/registry/{id}", "status": "Error", "kind": "client", "http.request.method": "GET", "server.address": "qcs.test", "url.template": "/csapi/v1.3/registry/{id}", "http.response.status_code": "404", "error.type": "404"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	m := data.ScopeMetrics[0].Metrics[0]
	if points := m.Data.(metricdata.Histogram[float64]).DataPoints; m.Name != "http.client.request.duration" || len(points) != 2 {
		t.Errorf("got %s with %d points, want one of each call", m.Name, len(points))
	}
}
