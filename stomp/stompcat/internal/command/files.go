package command

import (
	"os"
	"sync"
)

// files reads the files that flags name, each once: doctor wants them for every attempt, and a pipe, such as
// <(pass show broker), gives what it has a single time.
type files map[string]func() ([]byte, error)

func (f files) read(name string) ([]byte, error) {
	if f[name] == nil {
		f[name] = sync.OnceValues(func() ([]byte, error) { return os.ReadFile(name) })
	}
	return f[name]()
}
