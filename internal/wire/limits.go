package wire

import "math"

// The default limits. 64 MiB is far above what the servers take unasked (Spring 64 KiB, RabbitMQ 4 to 128 MiB a
// message) and small enough to be held in memory; 64 KiB of header is six times Classic's longest line; 1000 entries
// are Classic's own limit.
const (
	defaultBody    = 64 << 20
	defaultHeader  = 64 << 10
	defaultEntries = 1000
)

// Limits bound what one frame may cost, both ways (F12). A frame exactly at a limit passes. A field of zero or less
// stands for its default.
type Limits struct {
	Body    int64 // bytes of the body; default 64 MiB
	Header  int   // bytes of the command line and the header lines with their EOLs; default 64 KiB
	Entries int   // header entries, content-length and repeated names included; default 1000
}

// WithDefaults returns l with its zero fields filled in. A limit above half of what an int holds becomes that half,
// so that counting a little past it cannot overflow.
func (l Limits) WithDefaults() Limits {
	const most = math.MaxInt / 2
	if l.Body <= 0 {
		l.Body = defaultBody
	}
	if l.Header <= 0 {
		l.Header = defaultHeader
	}
	if l.Entries <= 0 {
		l.Entries = defaultEntries
	}
	l.Body = min(l.Body, most)
	l.Header = min(l.Header, most)
	l.Entries = min(l.Entries, most)
	return l
}

// CheckHeader returns a *LimitError when a header of size bytes or so many entries is beyond l. It is for those who
// put a frame together from the pieces of an Encoder, which see one entry at a time.
func (l Limits) CheckHeader(size, entries int) error {
	l = l.WithDefaults()
	if size > l.Header {
		return &LimitError{What: whatHeader, Limit: int64(l.Header), Size: int64(size)}
	}
	if entries > l.Entries {
		return &LimitError{What: whatEntries, Limit: int64(l.Entries), Size: int64(entries)}
	}
	return nil
}

// checkBody returns a *LimitError when a body of size bytes is beyond l, whose defaults are filled in.
func (l Limits) checkBody(size int64) error {
	if size > l.Body {
		return &LimitError{What: whatBody, Limit: l.Body, Size: size}
	}
	return nil
}
