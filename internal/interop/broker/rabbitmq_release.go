package broker

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// RabbitMQRelease says which RabbitMQ a server is.
type RabbitMQRelease int

const (
	RabbitMQ40  RabbitMQRelease = iota // of the Debian suite trixie; what tests use unless they say why not
	RabbitMQ43                         // of forky, which moves: 4.3 or later, or *Missing
	RabbitMQ310                        // the machine's own package: 3.10 on Debian 12
)

// suite is the name of the Debian suite that internal/interop/install took it from, and "" for the machine's package.
func (r RabbitMQRelease) suite() string {
	return map[RabbitMQRelease]string{RabbitMQ40: "trixie", RabbitMQ43: "forky"}[r]
}

// installation is where one release is on this machine.
type installation struct {
	// root is the folder that holds usr/lib as the package has it.
	root string
	// path is the folder of its own Erlang's programs; "" for the machine's.
	path string
}

// find returns where the release is, or a *Missing.
func (r RabbitMQRelease) find() (installation, error) {
	at, what := installation{root: "/"}, "RabbitMQ"
	if suite := r.suite(); suite != "" {
		cache, err := cacheDir()
		if err != nil {
			return installation{}, err
		}
		at.root, what = filepath.Join(cache, "rabbitmq-"+suite), "RabbitMQ of Debian "+suite
		at.path = filepath.Join(at.root, "usr", "lib", "erlang", "bin")
	}
	_, err := os.Stat(at.program("rabbitmq-server"))
	if err == nil {
		return at, nil
	}
	if why, readErr := os.ReadFile(at.root + ".failed"); readErr == nil {
		err = errors.New(strings.TrimSpace(string(why)))
	}
	return installation{}, &Missing{What: what, How: installs, Err: err}
}

// home is where the package has the scripts that run as any user; those in /usr/sbin change to the user rabbitmq
// first.
func (i installation) home() string { return filepath.Join(i.root, "usr", "lib", "rabbitmq") }

// program returns the path of one of RabbitMQ's scripts.
func (i installation) program(name string) string { return filepath.Join(i.home(), "bin", name) }

// epmd is the name of Erlang's port mapper.
func (i installation) epmd() string {
	if i.path == "" {
		return "epmd"
	}
	return filepath.Join(i.path, "epmd")
}

// environ returns the environment of its programs: this one's, with its own Erlang first.
func (i installation) environ() []string {
	env := os.Environ()
	if i.path != "" {
		env = append(env, "PATH="+i.path+string(filepath.ListSeparator)+os.Getenv("PATH"))
	}
	return env
}

// version returns the version in the package's folder name; "?" if there is none.
func (i installation) version() string {
	const prefix = "rabbitmq_server-"
	folders, _ := filepath.Glob(filepath.Join(i.home(), "lib", prefix+"*"))
	if len(folders) == 0 {
		return "?"
	}
	return strings.TrimPrefix(filepath.Base(folders[0]), prefix)
}

// atLeast reports whether a version is that one or a later one. Its parts are separated by dots, as in 4.2.6.
func atLeast(version string, parts ...int) bool {
	has := strings.Split(version, ".")
	for i, part := range parts {
		if i == len(has) {
			return false
		}
		n, err := strconv.Atoi(has[i])
		if err != nil || n != part {
			return err == nil && n > part
		}
	}
	return true
}
