package qql

import "strings"

// Sort is the order of a list.
type Sort struct {
	Field Field
	Desc  bool
}

// ParseSort reads "token:asc", "token:desc" or a token alone, which means asc (our choice). An
// error is a *TokenError.
func ParseSort(text string, s Schema) (Sort, error) {
	token, direction, _ := strings.Cut(text, ":")
	field, ok := s.lookup(token)
	switch {
	case !ok:
		return Sort{}, &TokenError{0, token, "not known here" + s.suggest(token, ""), true}
	case field.Group != "":
		return Sort{}, &TokenError{0, token, "has several values and cannot be sorted by", false}
	case direction != "" && direction != "asc" && direction != "desc":
		return Sort{}, &TokenError{len(token) + 1, token, "sort direction must be asc or desc, for one token", false}
	}
	return Sort{Field: field, Desc: direction == "desc"}, nil
}
