package stomp

import "github.com/webstomp/webstomp/internal/wire"

// Limits bounds one frame, either way (clause F12). Nothing is allocated on
// the word of a length: a frame that announces more is refused with a
// [*LimitError] before that. A received one ends the session, since what
// follows it cannot be found; one about to be sent is refused alone.
type Limits struct {
	Body    int64 // octets of one body; 0: 64 MiB
	Header  int   // octets of command and header together; 0: 64 KiB
	Entries int   // header entries; 0: 1,000
}

func (l Limits) wire() wire.Limits { return wire.Limits(l).WithDefaults() }
