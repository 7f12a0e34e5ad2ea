package qql

import (
	"strconv"
	"strings"
	"time"
)

// span is the meaning of a time value in epoch milliseconds, both ends included: a date means the
// whole day, any other value one instant (our choice).
type span struct{ first, last int64 }

// parseTime reads now, now-7d, 2024-01-31, 2024-01-31T10:00:00Z or epoch milliseconds.
func parseTime(text string, now int64) (span, bool) {
	if len(text) >= 3 && strings.EqualFold(text[:3], "now") {
		at, ok := shift(now, text[3:])
		return span{at, at}, ok
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return span{day.UnixMilli(), day.AddDate(0, 0, 1).UnixMilli() - 1}, true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if at, err := time.Parse(layout, text); err == nil {
			return span{at.UnixMilli(), at.UnixMilli()}, true
		}
	}
	at, err := strconv.ParseInt(text, 10, 64)
	return span{at, at}, err == nil && at >= 0
}

// shift adds a duration such as -7d to a time: a sign, a number, and a unit from seconds to weeks.
func shift(now int64, by string) (int64, bool) {
	if by == "" {
		return now, true
	}
	unit := map[byte]time.Duration{
		's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
	}[by[len(by)-1]]
	if unit == 0 || len(by) > 8 || by[0] != '-' && by[0] != '+' {
		return 0, false
	}
	n, err := strconv.ParseInt(by[:len(by)-1], 10, 64)
	return now + n*unit.Milliseconds(), err == nil
}
