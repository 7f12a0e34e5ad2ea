// Command jsondoc converts an OpenAPI document from YAML to JSON: "jsondoc FILE.yaml FILE.json". Keys are sorted, so that the result depends on the document only.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/oasdiff/yaml"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, stderr io.Writer) int {
	if len(args) != 2 {
		fmt.Fprintln(stderr, "usage: jsondoc FILE.yaml FILE.json")
		return 2
	}
	if err := convert(args[0], args[1]); err != nil {
		fmt.Fprintln(stderr, "jsondoc:", err)
		return 1
	}
	return 0
}

func convert(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	data, err := yaml.YAMLToJSON(text)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, data, "", " "); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	out.WriteByte('\n')
	return os.WriteFile(to, out.Bytes(), 0o644)
}
