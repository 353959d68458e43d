package interop

import (
	"strings"

	"github.com/webstomp/webstomp/stomp"
)

// Endpoints prepares every server, each with its own data folder below dir, and
// returns the endpoints in the table's order. It starts no server.
func Endpoints(dir string) ([]*Endpoint, error) {
	var all []*Endpoint
	for _, prepare := range []func(string) ([]*Endpoint, error){rabbitMQEndpoints, artemisEndpoints, classicEndpoints, springEndpoints, vertxEndpoints, openMQEndpoints} {
		some, err := prepare(dir)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// Without it the servers forget at a restart what they have confirmed.
var persistent = stomp.WithPersistent()

// newest returns the last of versions.
func newest(versions []string) string { return versions[len(versions)-1] }

// short returns a version without its third number: 6.1 for 6.1.8.
func short(version string) string { return version[:strings.LastIndexByte(version, '.')] }
