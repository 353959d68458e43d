// Package page has the names that the fragments in the pages use without making them. It is type-checked with them, and
// never built.
package page

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/webstomp/webstomp/stomp"
)

var (
	ctx    context.Context
	client *stomp.Client
	url    string
	body   []byte
	job    stomp.Frame
	logger *slog.Logger
	mux    *http.ServeMux
)

// Order and Price are what services of one's own send.
type (
	Order struct{ ID, Item string }
	Price struct {
		Symbol string
		Cents  int
	}
)

var (
	order  Order
	orders []Order
)

// What a service of one's own does.
var (
	work       func(job stomp.Frame) error
	show       func(destination string, body []byte)
	quote      func(o Order) (Price, error)
	load       func() (offset int64)
	store      func(f stomp.Frame, next int64) error
	freshToken func(ctx context.Context) (string, error)
	report     func(err error)
	seal       func(plain []byte) []byte
	unseal     func(key string, sealed []byte) ([]byte, error)
)
