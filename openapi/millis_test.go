package openapi_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/qcsdev/qcs/openapi"
)

func TestMillisReadsWhatServicesSend(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]openapi.Millis{
		`"1628504894719"`: 1628504894719, `1628504894719`: 1628504894719, `null`: 0, `""`: 0, `"2021-08-09T10:28:14.719Z"`: 1628504894719,
	} {
		var got openapi.Millis
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
	}
	var m openapi.Millis
	if err := json.Unmarshal([]byte(`"yesterday"`), &m); err == nil {
		t.Errorf("yesterday: got %d, want an error", m)
	}
}

func TestMillisWritesDigitsInQuotes(t *testing.T) {
	t.Parallel()
	at := time.Date(2021, 8, 9, 10, 28, 14, 719e6, time.UTC)
	data, err := json.Marshal(openapi.MillisOf(at))
	if err != nil || string(data) != `"1628504894719"` {
		t.Errorf("got %s, %v", data, err)
	}
	if got := openapi.MillisOf(at).Add(time.Second).Time(); !got.Equal(at.Add(time.Second)) {
		t.Errorf("got %v", got)
	}
	if openapi.MillisOf(time.Time{}) != 0 || !openapi.Millis(0).Time().IsZero() {
		t.Error("the zero time is not 0")
	}
}

func TestEveryRefusalIsListedOnce(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, r := range openapi.Refusals {
		if names[r.Name] || r.Name == "" || r.Text == "" || r.Class == "" {
			t.Errorf("bad or repeated refusal %+v", r)
		}
		names[r.Name] = true
	}
}
