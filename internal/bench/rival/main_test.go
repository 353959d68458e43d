package main

import (
	"os"
	"testing"

	"github.com/webstomp/webstomp/internal/leak"
)

// The test's own program is the worker of its contenders.
func TestMain(m *testing.M) {
	if text, asked := os.LookupEnv(taskVariable); asked {
		os.Exit(work(text))
	}
	leak.Main(m)
}
