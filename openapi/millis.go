package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Millis is a point in time in epoch milliseconds, the format epoch-millis of the document. In JSON
// it is a string of digits: the vendor's docs show that for containers and images, and we infer it
// for registries and schedules. Zero means "no time".
type Millis int64

// MillisOf converts a time; the zero time becomes 0.
func MillisOf(t time.Time) Millis {
	if t.IsZero() {
		return 0
	}
	return Millis(t.UnixMilli())
}

// Time converts m to a time in UTC; 0 becomes the zero time.
func (m Millis) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// Add returns m plus d.
func (m Millis) Add(d time.Duration) Millis { return m + Millis(d.Milliseconds()) }

// MarshalJSON writes the digits in quotes.
func (m Millis) MarshalJSON() ([]byte, error) {
	return append(strconv.AppendInt([]byte{'"'}, int64(m), 10), '"'), nil
}

// UnmarshalJSON reads digits with or without quotes, and RFC 3339 times, because services differ in
// what they send. Null and "" become 0.
func (m *Millis) UnmarshalJSON(data []byte) error {
	text := string(bytes.Trim(data, `"`))
	if text == "" || text == "null" {
		*m = 0
		return nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		*m = Millis(n)
		return nil
	}
	var t time.Time
	if err := json.Unmarshal(data, &t); err != nil {
		return fmt.Errorf("epoch milliseconds %s: neither digits nor a time", data)
	}
	*m = MillisOf(t)
	return nil
}
