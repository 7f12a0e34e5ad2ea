// Command hello-world is the smallest web server.
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	hello := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") }
	panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), http.HandlerFunc(hello)))
}
