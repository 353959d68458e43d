// Package docs checks what the pages of this repository say: every link and anchor leads somewhere, every block of Go
// compiles, every program runs, and every command is run, here or by CI, or is checked as far as that can be done without
// running it (see table_test.go). It has no code of its own but tests.
//
// A block of a page is what stands between two fences. The words behind the first one say what it is:
//
//	go        a program, which is built and run, or a fragment, which is compiled in a function that has the names of
//	          testdata/names.go; a line … stands for what a reader would write there
//	nothing   commands, one a line, as in sh and console; in a block with lines that begin with "$ " those alone, and the
//	          rest is what they print
//	text      neither; nor are settings and data
package docs
