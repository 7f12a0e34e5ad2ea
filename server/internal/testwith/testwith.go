// Package testwith lets the tests of a package be run again with another database.
package testwith

import "testing"

// Database gives the URL of an empty database for a test, in place of one in memory; nil for that.
var Database func(testing.TB) string
