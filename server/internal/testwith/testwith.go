// Package testwith lets the tests of a package be run again with another database.
package testwith

import "testing"

// Database gives the URL of an empty database for a test, in place of one in memory; nil for that.
var Database func(testing.TB) string

// Data gives each emulator of a test a folder of its own for a SQLite file, where that is set;
// without it data is in memory.
var Data func(testing.TB) string
