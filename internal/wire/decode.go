package wire

// DecoderConfig is what a Decoder needs to know of its connection.
type DecoderConfig struct {
	From   Side   // who writes what is decoded
	Limits Limits // zero fields: the defaults
	// Repair lets the end of a WebSocket message mend a content-length that is too short (W8), if the frame began in
	// that message. It is for a client on a WebSocket: elsewhere no message ends, and a wrong length would be waited
	// out instead of refused.
	Repair bool
}

// Decoder turns bytes into frames, however they were cut into pieces. It is fed one piece and asked for frames until
// it has no more:
//
//	d.Feed(p, final)
//	for {
//		ok, err := d.Next(&f)
//		if !ok {
//			break // err, or time to feed again
//		}
//	}
//
// Each frame is read only when Next is asked for it, so SetVersion after CONNECTED reaches the frames behind it in
// the same piece. A Decoder belongs to one goroutine. It holds no more than the frame under way and, between frames,
// at most keptHead bytes.
type Decoder struct {
	from    Side
	limits  Limits // defaults filled in
	repair  bool
	version Version // "" until SetVersion

	// What was fed.
	in    []byte // not yet read; borrowed from Feed's caller
	final bool   // in ends a WebSocket message

	state  state
	err    error  // sticky
	failed *Frame // the ERROR in which err was found, as far as it has come; nil: another frame
	cr     bool   // between frames: a CR came, its LF has not
	split  bool   // a WebSocket message has ended inside the frame under way

	// The head of the frame under way: command line, header lines, blank line.
	head    []byte // what has come of it, when it did not come in one piece; owned
	line    int    // offset of the line under way; at the end, of the blank line
	seen    int    // bytes that were looked through
	lines   int    // complete lines
	command string // a constant, once the first line is complete
	crlf    bool   // a CR before LF is part of the EOL

	// Its body. Both belong to the frame's receiver in the end.
	entries [][2]string
	raw     string // the header lines, if escapes in them were undone; kept until the next call of Next
	body    []byte // what has come of it, when it did not come in one piece
	length  int    // content-length; -1: none

	beats, repaired uint64
}

// state says which part of the stream comes next.
type state uint8

const (
	between   state = iota // EOLs or a frame
	inHead                 // up to the blank line
	inCounted              // a body of known length, and its NUL
	inOpen                 // a body up to the first NUL
	inRepair               // a body beyond its content-length, up to the last NUL of the WebSocket message
)

// keptHead is how large a head buffer is kept for the next frame: room for any ordinary header, and nothing that
// counts when there are 10,000 idle connections.
const keptHead = 4 << 10

// NewDecoder returns a Decoder that expects the start of a stream.
func NewDecoder(cfg DecoderConfig) *Decoder {
	return &Decoder{from: cfg.From, limits: cfg.Limits.WithDefaults(), repair: cfg.Repair}
}

// SetVersion tells the decoder what CONNECTED agreed on (C7); it applies from the next frame on. Until then nothing
// is unescaped or trimmed, and CR LF is taken: what comes first is CONNECT, CONNECTED or ERROR, from a peer whose
// version is not known.
func (d *Decoder) SetVersion(v Version) { d.version = v }

// Feed hands p to the decoder, which borrows it until Next has returned false: only then may p change, and only then
// may Feed be called again. final says that p ends a WebSocket message; p may be empty then.
func (d *Decoder) Feed(p []byte, final bool) {
	if len(d.in) > 0 {
		panic("wire: Feed before Next has returned false: bytes would be lost")
	}
	if d.err != nil {
		return
	}
	d.in, d.final = p, final
}

// Next sets *f to the next frame and returns true, or returns false when it needs more bytes. The frame is the
// caller's: the decoder keeps no reference to its memory, and it shares none with what was fed. The error is a
// *ProtocolError or a *LimitError, and stays: no later call returns a frame.
func (d *Decoder) Next(f *Frame) (bool, error) {
	if d.state == between {
		d.raw = ""
	}
	if d.err != nil {
		return false, d.err
	}
	ok, err := d.next(f)
	if err != nil {
		if d.state != between && d.command == Error {
			failed := d.soFar()
			d.failed = &failed
		}
		d.err = err
		d.state = between
		d.in, d.head, d.entries, d.raw, d.body = nil, nil, nil, "", nil
		return false, err
	}
	if !ok {
		d.split = d.split || d.final
		d.in, d.final = nil, false // all of it was read or copied
	}
	return ok, nil
}

func (d *Decoder) next(f *Frame) (bool, error) {
	if d.state == between {
		if ok, err := d.skipEOLs(); !ok {
			return false, err
		}
		if d.readWhole(f) {
			return true, nil
		}
		d.state = inHead
		d.split = false
		d.line, d.seen, d.lines = 0, 0, 0
	}
	if d.state == inHead {
		if ok, err := d.readHead(); !ok {
			return false, err
		}
	}
	body, ok, err := d.readBody()
	if !ok {
		return false, err
	}
	*f = Frame{Command: d.command, Header: d.entries, Body: body}
	d.state = between
	d.entries, d.body = nil, nil
	return true, nil
}

// skipEOLs reads the heart-beats before a frame (F5) and reports whether a frame has begun.
func (d *Decoder) skipEOLs() (bool, error) {
	for i, c := range d.in {
		switch {
		case c == '\n':
			d.beats++
			d.cr = false
		case d.cr:
			return false, protocolErrorf("F5", "a CR between frames that no LF follows")
		case c == '\r':
			d.cr = true
		default:
			d.in = d.in[i:]
			return true, nil
		}
	}
	return false, nil
}

// Raw returns the header lines of the frame that Next has just returned, as they came, where escapes in them were
// undone; "" where there was none to undo. The frame's header is part of the same string. See RawValue.
func (d *Decoder) Raw() string { return d.raw }

// HeartBeats returns how many EOLs stood between frames so far (F5).
func (d *Decoder) HeartBeats() uint64 { return d.beats }

// Repaired returns how many frames came with a content-length too short, which the end of their message mended (W8).
func (d *Decoder) Repaired() uint64 { return d.repaired }

// Partial reports whether the bytes so far end inside a frame.
func (d *Decoder) Partial() bool { return d.state != between }
