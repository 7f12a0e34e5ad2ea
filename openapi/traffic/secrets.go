package traffic

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Hidden replaces a secret wherever an exchange is shown or recorded.
const Hidden = "***"

// The names of secrets: of fields, parameters and headers. A name is secret if it contains one of
// secretParts, in lower case and without separators, or if one of its words is in secretWords.
// Words that occur in other names, too, such as token in tokens, are in secretWords.
var (
	secretParts = []string{
		"password", "passwd", "passphrase", "secret", "signature",
		"apikey", "accesskey", "privatekey", "authkey", "authenticationkey", "subscriptionkey", "signingkey",
		"accesstoken", "refreshtoken", "idtoken", "authtoken", "sessionid", "authorization",
	}
	secretWords = []string{"token", "pwd", "session", "cookie", "auth", "jwt"}
)

// isSecret reports whether the value of a field, a parameter or a header is secret.
func isSecret(name string) bool {
	letters := lettersOf(name)
	if containsAny(letters, secretParts) {
		return true
	}
	isWord := func(word string) bool { return slices.Contains(secretWords, word) }
	return containsAny(letters, secretWords) && (isWord(letters) || slices.ContainsFunc(words(name), isWord))
}

// mentions reports whether a text may contain the name of a secret.
func mentions(text string) bool {
	letters := lettersOf(text)
	return strings.Contains(text, `\`) || containsAny(letters, secretParts) || containsAny(letters, secretWords)
}

func containsAny(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

// lettersOf returns a text in lower case and without separators.
func lettersOf(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range text {
		if r != '_' && r != '-' && r != '.' && r != ' ' {
			b.WriteRune(lower(r))
		}
	}
	return b.String()
}

// lower returns a letter in lower case. encoding/json takes two letters for ASCII letters.
func lower(r rune) rune {
	switch {
	case 'A' <= r && r <= 'Z':
		return r + 'a' - 'A'
	case r < utf8.RuneSelf:
		return r
	case r == '\u017f':
		return 's'
	case r == '\u212a':
		return 'k'
	}
	return unicode.ToLower(r)
}

// isName reports whether a text is a name, and not a body without a name.
func isName(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.[]", r)
	})
}

// words splits a name into its words, in lower case: at capital letters and at all that is no
// letter.
func words(name string) (all []string) {
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			all = append(all, word.String())
			word.Reset()
		}
	}
	small := false // the letter before is a small one
	for _, r := range name {
		if !unicode.IsLetter(r) || unicode.IsUpper(r) && small {
			end()
		}
		if small = unicode.IsLower(r); unicode.IsLetter(r) {
			word.WriteRune(lower(r))
		}
	}
	end()
	return all
}

// userInfo matches the user name and the password of a URL, also in a query.
var userInfo = regexp.MustCompile(`(?i)(://|%3A%2F%2F)[^/?#\s"'&@]*(@|%40)`)

// redactURLs hides the user names and passwords of the URLs in a text.
func redactURLs(text string) string {
	if !strings.Contains(text, "@") && !strings.Contains(text, "%40") {
		return text // as most texts, without the cost of the pattern
	}
	return userInfo.ReplaceAllString(text, "${1}"+Hidden+"${2}")
}
