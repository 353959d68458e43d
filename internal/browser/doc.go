// Package browser has the tests of the client under GOOS=js: what stands in client_js_test.go runs in headless Chromium
// and in Node.js, against servers that stage_test.go plays, and the page of examples/browser in Chromium. It is a module
// of its own, for the library that drives Chromium. Where there is no Chromium, or a Node.js without WebSockets, the test
// says so and is skipped.
//
//	cd internal/browser && go test -count=1 -v .
//
// Without -count=1 go test would not see that the client has changed.
package browser
