// Package clauses holds the test that docs/protocol.md, the code and the tests
// agree: every clause of the page has a test that names it, and every clause that
// the code cites is on the page. It exports nothing.
package clauses
