package ws

import (
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"sync"
)

// ErrCompressed matches the error of a Read that met a compressed message which is damaged or cut off.
var ErrCompressed = errors.New("a compressed message is damaged")

var errCutOff = fmt.Errorf("%w: it ends in the middle of its deflate stream", ErrCompressed)

// inflater decompresses the messages of a connection with permessage-deflate (RFC 7692), one after the other. The
// library cannot be left with that: it returns the same io.EOF for a message that is whole and for one that was cut
// off, and takes what follows a block that is marked as the last one for the header of the next frame.
//
// What goes unnoticed is a cut behind the first byte of a block that is not compressed, where a whole message may
// end.
type inflater struct {
	in     payload
	flate  io.Reader // nil between two deflate streams
	window []byte    // the end of all that was decompressed so far, at most windowSize: what comes may refer to it
	err    error     // what the message has ended with
	rest   []byte    // of the message, decompressed; see readRest
	holds  *chunk    // where rest is; nil: rest is empty
}

// windowSize is how far back a deflate stream may refer, in bytes.
const windowSize = 32 << 10

// flateReaders holds what flate.NewReader returns: some 40 KiB each.
var flateReaders sync.Pool

// begin begins with a message, whose payload src gives.
func (i *inflater) begin(src io.Reader) {
	i.in.begin(src)
	if i.err = nil; i.in.atEnd() {
		i.err = i.in.err // RFC 7692 asks for one byte at least, but nothing else can be meant
	}
}

// Read returns io.EOF at the end of a whole message, src's own error, or one that matches ErrCompressed.
func (i *inflater) Read(p []byte) (n int, err error) {
	for n == 0 && i.err == nil && len(p) > 0 {
		if i.flate == nil {
			i.start()
		}
		n, err = i.flate.Read(p)
		if err == nil && i.in.tail > 0 {
			err = i.readRest()
		}
		if err != nil {
			i.stop()
			if i.err = i.judge(err); i.in.tail > 0 && i.err != io.EOF {
				n = 0 // some of it may have been made of deflateTail
				i.dropRest()
			}
		}
		i.remember(p[:n])
		i.remember(i.rest)
	}
	switch {
	case n > 0:
		return n, nil
	case i.holds != nil:
		n = copy(p, i.rest)
		if i.rest = i.rest[n:]; len(i.rest) == 0 {
			i.dropRest()
		}
		return n, nil
	}
	return 0, i.err
}

// readRest decompresses what is left once some of deflateTail was taken, and returns what that ends with. Before that
// is known, nothing of it may be handed out: in a message that was cut off, deflateTail stands for what is missing,
// and makes bytes that nobody has sent. Those and the window of flate fit a chunk.
func (i *inflater) readRest() error {
	i.holds = getChunk()
	for size := 0; size < len(i.holds); {
		n, err := i.flate.Read(i.holds[size:])
		size += n
		if i.rest = i.holds[:size]; err != nil {
			if size == 0 {
				i.dropRest()
			}
			return err
		}
	}
	return errCutOff // too much to be true
}

func (i *inflater) dropRest() {
	if i.holds != nil {
		putChunk(i.holds)
		i.holds, i.rest = nil, nil
	}
}

// judge returns what the end of a deflate stream, or an error in it, means for the message; nil: that goes on with
// another stream.
func (i *inflater) judge(err error) error {
	switch {
	case i.in.err != nil && i.in.err != io.EOF:
		return i.in.err
	case err == io.EOF && i.in.tail == len(deflateTail):
		return io.EOF
	case i.in.tail > 0: // something in it was taken for what is missing
		return errCutOff
	case err != io.EOF:
		return fmt.Errorf("%w: %w", ErrCompressed, err)
	case i.in.atEnd(): // of what is a deflate stream of its own, without the sync marker that belongs behind it
		return i.in.err
	}
	return nil // RFC 7692, section 7.2.3.4
}

// start begins a deflate stream.
func (i *inflater) start() {
	if pooled, ok := flateReaders.Get().(io.Reader); ok {
		i.flate = pooled
		_ = pooled.(flate.Resetter).Reset(&i.in, i.window) // always nil
		return
	}
	i.flate = flate.NewReaderDict(&i.in, i.window)
}

func (i *inflater) stop() {
	_ = i.flate.(flate.Resetter).Reset(&noPayload, nil) // the pool must not keep the connection
	flateReaders.Put(i.flate)
	i.flate = nil
}

// remember keeps the end of what was decompressed.
func (i *inflater) remember(p []byte) {
	if i.window == nil {
		i.window = make([]byte, 0, windowSize)
	}
	if len(p) >= windowSize {
		i.window = append(i.window[:0], p[len(p)-windowSize:]...)
		return
	}
	if excess := len(i.window) + len(p) - windowSize; excess > 0 {
		i.window = i.window[:copy(i.window, i.window[excess:])]
	}
	i.window = append(i.window, p...)
}

// deflateTail stands behind the payload of a compressed message: the four bytes that its sender has left out (RFC
// 7692, section 7.2.2), and an empty last block. Of a message that was cut off, flate takes a part of that for what
// is missing, and does not end exactly behind it.
const deflateTail = "\x00\x00\xff\xff" + "\x01\x00\x00\xff\xff"

// payload is the payload of one compressed message, with deflateTail behind it. It is an io.ByteReader, so that flate
// takes no byte beyond what it decompresses.
type payload struct {
	src    io.Reader
	buf    [fillSize]byte
	lo, hi int   // the part of buf that is left
	err    error // what src has ended with; io.EOF: the message's end
	tail   int   // bytes of deflateTail that were taken
	run    int   // bytes that Read has given since the last ReadByte
}

// noPayload is what no message reads from.
var noPayload payload

func (in *payload) begin(src io.Reader) {
	in.src, in.err, in.lo, in.hi, in.tail, in.run = src, nil, 0, 0, 0, 0
}

// atEnd reports whether src has nothing more. It reads to know that.
func (in *payload) atEnd() bool {
	for in.lo == in.hi && in.err == nil {
		n, err := in.src.Read(in.buf[:])
		in.lo, in.hi, in.err = 0, n, err
	}
	return in.lo == in.hi
}

// sizeOfLengths is what stands in front of the bytes of a block that is not compressed.
const sizeOfLengths = 4

// Read gives flate the lengths and the bytes of a block that is not compressed. Those bytes are never deflateTail's.
func (in *payload) Read(p []byte) (n int, err error) {
	switch {
	case !in.atEnd():
		n = copy(p, in.buf[in.lo:in.hi])
		in.lo += n
	case in.err == io.EOF && in.run >= sizeOfLengths:
		in.err = errCutOff
		return 0, in.err
	case in.err == io.EOF && in.tail < len(deflateTail):
		n = copy(p, deflateTail[in.tail:])
		in.tail += n
	default:
		return 0, in.err
	}
	in.run += n
	return n, nil
}

// ReadByte gives flate everything else.
func (in *payload) ReadByte() (byte, error) {
	in.run = 0
	if in.lo < in.hi {
		in.lo++
		return in.buf[in.lo-1], nil
	}
	var one [1]byte
	_, err := in.Read(one[:])
	return one[0], err
}
